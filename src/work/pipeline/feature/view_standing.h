// Whether a feature table matches its source at the feature consumer's offset.
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

// There is one offset for all views, and each table records the snapshot of its source that it was
// made from (feature::kSourceSnapshotProperty). If the two differ, the view did not process all
// commits that the offset passed: it is new, or was removed from the project for a while. It is
// then rebuilt as a whole, and the offset stays where it is.
//
// Returns why the table of `plan` was not made from `source`, its source's snapshot at the offset;
// empty if it was. A table without the property was written before it existed and counts as
// matching. Cost: one look-up.
Result<std::string> ExplainLag(Workspace& workspace, const feature::ViewPlan& plan,
                               const std::optional<catalog::SnapshotRecord>& source);

// Views that do not yet hold what their source published ("late@1"), in the project's order: work
// that an interrupted run left to the next. Cost: two look-ups for each view.
Result<std::vector<std::string>> ViewsThatWait(Workspace& workspace);

// All rows of `source` as of the commit `seq`; null if it had no snapshot at that time.
Result<std::shared_ptr<arrow::Table>> SourceRowsAsOf(Workspace& workspace,
                                                     const std::string& source, CommitSeq seq);
}  // namespace weirhouse::work
