// Compares the tables of a life with what landed.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "testing/simulator/world.h"
#include "work/workspace/workspace.h"

namespace weirhouse::simulator {

// The first violation once no work is left: each table has the rows that the landed records
// determine, the feature table has those of its source, and the caches match the tables.
std::optional<std::string> CheckContents(work::Workspace& workspace, const Variant& variant,
                                         const std::vector<LandedFile>& landed,
                                         const std::set<ObjectKey>& excluded);
// At any time: no row is visible that the gate stopped and nobody approved.
std::optional<std::string> CheckLetThrough(work::Workspace& workspace, const Variant& variant,
                                           const std::vector<LandedFile>& landed,
                                           const std::set<ObjectKey>& let_through);
// The content digest of each table, as text.
std::string DigestsOf(work::Workspace& workspace, const Variant& variant);
}  // namespace weirhouse::simulator
