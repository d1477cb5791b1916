// The Python code of a project: which files in its folders belong to it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

inline constexpr std::size_t kDefinitionFilesMax = 10'000;

// Adds to `project.files` every Python file below those folders of the root that the code names. A
// folder is named if its name occurs as a word in a Python file that is already part of the code,
// or in models/*.yaml ("from mylib.prep import …", "python -m mylib.train", sys.path.insert(0,
// "src")). Skips hidden folders, landing folders, the warehouse, caches and virtual environments.
// Follows links to folders, and reads each folder once. kInvalidInput: more than
// kDefinitionFilesMax files. Cost: lists each folder that is named.
Status ReadPackages(ProjectDefinition& project);
// The inputs that a model of the project declares.
Result<std::vector<std::string>> InputsOf(const ProjectDefinition& project,
                                          const std::string& model);
// The files that are recorded as the project's code, including seeds.
std::set<std::string> CodeFiles(const ProjectDefinition& project);
}  // namespace weirhouse::work
