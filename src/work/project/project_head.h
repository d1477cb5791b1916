// The project file alone, for what must not wait until all other files are right.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Name, profile, sources and the like of weirhouse.yaml in `root`; no contracts, SQL, gates or
// seeds' rows. Errors: those of that file.
Result<std::shared_ptr<const ProjectDefinition>> LoadProjectHead(const std::string& root,
                                                                 const std::string& profile);
}  // namespace weirhouse::work
