// A project as far as its own file tells it.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "engine/project.h"

namespace weirhouse::engine {

// Name, profile and sources; no definitions. Errors as LoadProject (engine/project.h).
Result<std::shared_ptr<const ProjectDefinition>> LoadProjectFile(const std::string& root,
                                                                 const std::string& profile);
}  // namespace weirhouse::engine
