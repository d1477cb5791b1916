// Finds a project's catalog, and checks that the state folder belongs to it.
//
// On SQLite the catalog is the file `catalog.db` of the state folder. On PostgreSQL the state
// folder holds `catalog.json` instead, with the project's id in that catalog. A folder's caches and
// lake belong to one catalog, so a folder that meets another catalog is refused (WH8006).
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"
#include "work/project/project.h"

namespace weirhouse::work {

// The project has no state folder, or no catalog in it.
inline constexpr Reason kNoState{"WH8004"};

// Opens the catalog of a project that has state. Uses the clock and the random source of `options`.
//   kNotFound (kNoState)  the project has no state
Result<std::unique_ptr<catalog::Catalog>> OpenProjectCatalog(platform::ObjectStore& store,
                                                             const ProjectDefinition& project,
                                                             const std::string& state_folder,
                                                             bool read_only,
                                                             catalog::CatalogOptions options = {});
// Makes the catalog of a project that has no state, or finishes one that `wh init` left incomplete.
// kConflict (WH8005) if a complete one exists.
Result<std::unique_ptr<catalog::Catalog>> MakeProjectCatalog(platform::ObjectStore& store,
                                                             const ProjectDefinition& project,
                                                             const std::string& state_folder,
                                                             catalog::CatalogOptions options = {});
}  // namespace weirhouse::work
