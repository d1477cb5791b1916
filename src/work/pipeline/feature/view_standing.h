// Whether a feature table is what its source was at the feature consumer's offset.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// The offset of the feature consumer is one for all views; each table says by itself which snapshot
// of its source it holds (feature::kSourceSnapshotProperty). Where the two differ the view did not
// take part in what the offset went over: it is new, or was away from the project for a while. It
// is then made anew as a whole, and the offset stays where it is.
//
// Why the table of `plan` does not hold `source`, the snapshot of its source that the offset speaks
// of; empty if it does. A table written before such a property was kept is believed. Cost: one
// look-up.
Result<std::string> WhyBehind(Workspace& workspace, const feature::ViewPlan& plan,
                              const std::optional<catalog::SnapshotRecord>& source);

// Those that do not hold yet what their source published ("late@1"), in the project's order: what a
// run that ended in between left to the next one. Cost: two look-ups for each view.
Result<std::vector<std::string>> ViewsThatWait(Workspace& workspace);

// All rows of `source` as of the commit `seq`; null if it had no snapshot then.
Result<std::shared_ptr<arrow::Table>> SourceRowsAsOf(Workspace& workspace,
                                                     const std::string& source, CommitSeq seq);
}  // namespace weirhouse::work
