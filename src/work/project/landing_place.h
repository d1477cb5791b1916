// Checks where landing folders may lie.
#pragma once

#include <map>
#include <string>

#include "ground/base/status.h"
#include "ground/base/yaml.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Refuses (WH2031) a landing folder of `sources`, the map of weirhouse.yaml, that is, contains or
// lies in that of another source, or a folder that the project itself consists of. Two sources that
// read the same file would take it from each other, and a definition file would be taken for data.
// Links are followed as far as the folders exist. `project` must have its root, profile and
// sources.
Status CheckLandingPlaces(const YamlNode& sources, const ProjectDefinition& project);

// Source → its landing folder as weirhouse.yaml writes it, for each folder that does not exist. That
// is no error, because whoever sends files may make it; but a misspelt one would stay empty for
// ever. Cost: one stat for each source.
std::map<std::string, std::string> MissingLandingFolders(const ProjectDefinition& project);
}  // namespace weirhouse::work
