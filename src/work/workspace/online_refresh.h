// Bringing the online store to what the catalog says, after a crash or where it was filled in
// another life of the catalog.
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

// Whether the online store has rows of this view.
bool ServedOnline(const feature::ViewPlan& plan);
// How long before the windows of a question the store keeps rows, in microseconds.
std::int64_t KeptBeyondWindows(const ProjectDefinition& project);

// What a view's feature table is at now; null before its first rows.
struct ViewTable {
  iceberg::TablePtr table;
  CommitSeq seq;  // the commit that made its main snapshot
};
Result<ViewTable> TableOf(Workspace& workspace, const feature::ViewPlan& plan);

// Brings every view to its feature table, where it does not hold what is there: a crash came
// between, the cache or the catalog was put back, or the view is new. What is there is served until
// all of them are replaced, in one write.
Status RefreshOnline(Workspace& workspace);
// Takes from service the views whose rows are of another life of the catalog: an older copy of it,
// or of the cache, was put back. RefreshOnline brings them anew. Cost: a look-up for each view.
Status DistrustOtherLives(const ProjectDefinition& project, catalog::Catalog& catalog,
                          platform::ObjectStore& store, feature::OnlineStore& online);
// Brings caches (key indexes, online store) to the catalog's state after a crash or a foreign
// commit.
Status RefreshCaches(Workspace& workspace);
}  // namespace weirhouse::work
