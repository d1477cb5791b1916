// The files of a project that has nothing in it yet.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::work {

// Whether a project may be called so: 1 to 64 letters, digits, - and _.
bool IsProjectName(std::string_view name);
// Makes `folder` and in it the folders of definitions, .gitignore and, last, weirhouse.yaml: with it
// the folder is a project. Files that are there already stay as they are.
//   kUnavailable  a folder or file cannot be made
Status WriteEmptyProject(const std::string& folder, const std::string& name);
}  // namespace weirhouse::work
