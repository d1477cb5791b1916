// Where landing folders may lie.
#pragma once

#include "ground/base/status.h"
#include "ground/base/yaml.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Refuses (WH2031) a landing folder of `sources`, the map of weirhouse.yaml, that is, holds or lies
// in that of another source, or what the project itself consists of: two sources that read one file
// take it from each other, and a definition that lands is taken for data. Folders are compared
// with links followed, as far as they exist. `project` has its root, profile and sources.
Status CheckLandingPlaces(const YamlNode& sources, const ProjectDefinition& project);
}  // namespace weirhouse::work
