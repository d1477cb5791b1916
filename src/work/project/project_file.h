// weirhouse.yaml: sources, seeds, profiles, alerts.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Parses `text` into the parts of `project` that weirhouse.yaml states (seeds: name and path only).
// `profile` empty = "local", or the only one.
Status ParseProjectFile(std::string_view text, const std::string& path, const std::string& profile,
                        ProjectDefinition& project);
// Whether the tables that notify rules name are those of the project, once all of it is parsed.
Status CheckNotified(const ProjectDefinition& project);
}  // namespace weirhouse::work
