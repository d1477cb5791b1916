// Rules for files that are written today, although an earlier release let them be applied. Code
// that was applied is read without these rules, so that existing projects keep working.
#pragma once

#include <span>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "rules/feature/definition/definition.h"
#include "rules/transform/check/check.h"
#include "work/project/project.h"

namespace weirhouse::work {

// WH1105: a `format` that no record is checked against. Formats of times are checked where the
// contract is parsed.
Status CheckFormats(const contract::Contract& contract);
// WH4020: the spine reads something that is neither a processed table nor a seed.
Status CheckSpineReads(const feature::TrainingSetDefinition& set,
                       std::span<const transform::TableReference> references);
// WH5022: `serve.request` of the model lacks a field that its features are computed from.
Status CheckServedFields(const ProjectDefinition& project, const model::ModelDefinition& model);
}  // namespace weirhouse::work
