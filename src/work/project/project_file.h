// weirhouse.yaml: sources, seeds, profiles, alerts.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Parses `text` into those parts of `project` that weirhouse.yaml defines (of seeds only name and
// path). `profile` empty = "local", or the only one.
Status ParseProjectFile(std::string_view text, const std::string& path, const std::string& profile,
                        ProjectDefinition& project);
// Checks that the tables named by notify rules exist in the project, once all of it is parsed.
Status CheckNotified(const ProjectDefinition& project);
}  // namespace weirhouse::work
