// Bringing the online store to what the catalog says. Private to engine/.
#pragma once

#include <vector>

#include "base/status.h"
#include "engine/feature_step.h"
#include "engine/workspace.h"

namespace weirhouse::engine {

// Applies the rows that the feature commit `seq` published. Called only after that commit.
Status FillOnline(Workspace& workspace, const std::vector<ViewWork>& work, CommitSeq seq);
// Brings every view to its feature table, where it does not hold what is there: a crash came
// between, the cache or the catalog was put back, or the view is new. What is there is served until
// all of them are replaced, in one write.
Status RefreshOnline(Workspace& workspace);
// Takes from service the views whose rows are of another life of the catalog: an older copy of it,
// or of the cache, was put back. RefreshOnline brings them anew. Cost: a look-up for each view.
Status DistrustOtherLives(const ProjectDefinition& project, catalog::Catalog& catalog,
                          storage::Disk& disk, feature::OnlineStore& online);
}  // namespace weirhouse::engine
