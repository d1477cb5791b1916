// Answers about times that the online store no longer keeps.
#pragma once

#include <span>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "rules/feature/kernel/answer.h"
#include "rules/feature/kernel/plan.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The answer of `plan` for one entity at `at`, from its feature table as of the commit `seq`. The
// same kernel computes it, so it equals what the store answered while it kept those rows.
// kUnavailable (WH4025) if that snapshot is gone. Cost: reads the table, milliseconds for each
// hundred thousand rows.
Result<feature::FeatureAnswer> AnswerOfPast(Workspace& workspace, const feature::ViewPlan& plan,
                                            std::span<const feature::Value> entity, EventTime at,
                                            CommitSeq seq);
}  // namespace weirhouse::work
