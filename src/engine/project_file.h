// weirhouse.yaml: sources, seeds, profiles, alerts. Private to engine/.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "engine/project.h"

namespace weirhouse::engine {

// Parses `text` into the parts of `project` that weirhouse.yaml states (seeds: name and path only).
// `profile` empty = "local", or the only one.
Status ParseProjectFile(std::string_view text, const std::string& path, const std::string& profile,
                        ProjectDefinition& project);
// Whether the tables that notify rules name are those of the project, once all of it is parsed.
Status CheckNotified(const ProjectDefinition& project);
}  // namespace weirhouse::engine
