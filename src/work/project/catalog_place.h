// Where a project's catalog lies, and that its state folder is that catalog's.
//
// On SQLite it is the file `catalog.db` of the state folder. On PostgreSQL the state folder holds
// `catalog.json` instead, which names the project's id in that catalog: caches and lake of a folder
// fit one catalog only, and a folder that meets another is refused (WH8006).
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"
#include "work/project/project.h"

namespace weirhouse::work {

// A project has no state folder, or no catalog in it.
inline constexpr Reason kNoState{"WH8004"};

// Of `options` the clock and the source of chance are taken, of a catalog that is made or opened.
//
// Opens the catalog of a project that has state. kNotFound (kNoState) if it has none.
Result<std::unique_ptr<catalog::Catalog>> OpenProjectCatalog(platform::ObjectStore& store,
                                                             const ProjectDefinition& project,
                                                             const std::string& state_folder,
                                                             bool read_only,
                                                             catalog::CatalogOptions options = {});
// Makes the catalog of a project that has no state, or goes on with one that `wh init` did not
// finish. kConflict (WH8005) if there is a whole one.
Result<std::unique_ptr<catalog::Catalog>> MakeProjectCatalog(platform::ObjectStore& store,
                                                             const ProjectDefinition& project,
                                                             const std::string& state_folder,
                                                             catalog::CatalogOptions options = {});
}  // namespace weirhouse::work
