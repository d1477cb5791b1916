// Answers one entity directly from the rows of a feature table: what the online store would answer
// if it kept everything.
#pragma once

#include <cstdint>
#include <span>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "rules/feature/kernel/answer.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// `rows`: the whole feature table as of the commit `seq`. NULL and unknown keys give not_found.
// Errors as OnlineState::Get. Cost: reads the entity and key of every row.
Result<FeatureAnswer> AnswerFromTable(const ViewPlan& plan, const arrow::Table& rows,
                                      std::span<const Value> entity, std::int64_t at,
                                      std::int64_t known, CommitSeq seq);
}  // namespace weirhouse::feature
