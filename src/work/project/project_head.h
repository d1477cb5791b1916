// Reads weirhouse.yaml alone, for work that must not wait until all other files are valid.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Name, profile, sources and the like from weirhouse.yaml in `root`; no contracts, SQL, gates or
// rows of seeds. Errors: those of that file.
Result<std::shared_ptr<const ProjectDefinition>> LoadProjectHead(const std::string& root,
                                                                 const std::string& profile);
}  // namespace weirhouse::work
