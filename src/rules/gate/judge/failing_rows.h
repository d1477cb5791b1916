// Gathers the rows that checks found, with all reasons, in an order that no input order shows in.
#pragma once

#include <string>
#include <vector>

#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/judge/judge.h"

namespace weirhouse::gate {

// Sets failing_rows, other_failing_rows and the examples of `report`. `findings` are those of
// report.checks, in order; only failed and warned ones count, and errors that know their rows. A
// check whose rows cannot be kept (of a type that no table has) ends as an error, and no other.
void GatherFailingRows(const GateInput& input, const RowSource& batch,
                       const std::vector<Finding>& findings, GateReport& report);
}  // namespace weirhouse::gate
