// What the tables of a life hold, beside what landed.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "testing/simulator/world.h"
#include "work/workspace/workspace.h"

namespace weirhouse::simulator {

// The first that does not hold, once nothing is left to do: each table has the rows that the landed
// records say, the feature table those of its source, the caches stand at the tables.
std::optional<std::string> CheckContents(work::Workspace& workspace, const Variant& variant,
                                         const std::vector<LandedFile>& landed,
                                         const std::set<ObjectKey>& excluded);
// At any time: no row stands that the gate stopped and nobody let through.
std::optional<std::string> CheckLetThrough(work::Workspace& workspace, const Variant& variant,
                                           const std::vector<LandedFile>& landed,
                                           const std::set<ObjectKey>& let_through);
// The content digest of each table, as text.
std::string DigestsOf(work::Workspace& workspace, const Variant& variant);
}  // namespace weirhouse::simulator
