// What files that are written today must not say, though an earlier release let it be applied. Code
// that was applied is read without these rules, so that no project stops answering.
#pragma once

#include <span>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "rules/feature/definition/definition.h"
#include "rules/transform/check/check.h"
#include "work/project/project.h"

namespace weirhouse::work {

// WH1105: a `format` that no record is judged by. Those of times are checked where the contract is
// read.
Status CheckFormats(const contract::Contract& contract);
// WH4020: the spine reads what is neither a processed table nor a seed.
Status CheckSpineReads(const feature::TrainingSetDefinition& set,
                       std::span<const transform::TableReference> references);
// WH5022: `serve.request` of the model lacks a field that its features are computed from.
Status CheckServedFields(const ProjectDefinition& project, const model::ModelDefinition& model);
}  // namespace weirhouse::work
