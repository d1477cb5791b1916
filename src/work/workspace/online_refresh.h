// Brings the online store to the catalog's state, after a crash, or if it was filled from another
// catalog in this one's place.
#pragma once

#include <cstdint>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/online/online_store.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Whether the online store serves this view.
bool ServedOnline(const feature::ViewPlan& plan);
// How long before the windows of a question the store keeps rows, in microseconds.
std::int64_t KeptBeyondWindows(const ProjectDefinition& project);

// A view's current feature table; null before its first rows.
struct ViewTable {
  iceberg::TablePtr table;
  CommitSeq seq;  // the commit that made its main snapshot
};
Result<ViewTable> TableOf(Workspace& workspace, const feature::ViewPlan& plan);

// Updates every view whose rows in the store are not those of its feature table: after a crash, if
// the cache or the catalog was restored from a copy, or if the view is new. The old rows are served
// until all are replaced, in one write.
Status RefreshOnline(Workspace& workspace);
// Stops serving views whose rows come from another life of the catalog: an older copy of it, or of the
// cache, was restored. RefreshOnline fills them again. Cost: a look-up for each view.
Status DistrustOtherLives(const ProjectDefinition& project, catalog::Catalog& catalog,
                          platform::ObjectStore& store, feature::OnlineStore& online);
// Brings caches (key indexes, online store) to the catalog's state, after a crash or a commit of
// another engine.
Status RefreshCaches(Workspace& workspace);
}  // namespace weirhouse::work
