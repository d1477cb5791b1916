// The projects that tests share lie beside this file as folders, for tests in C++ and in Python (tests/
// project.py) alike:
//   shop          orders of shops, landing day by day, with a gate and a feature view
//   shop_models   over it: more views, a training set and a model
//   trips         a table that other engines write
//   trips_priced  over it: what SQL and features make of the trips
#pragma once

#include <filesystem>
#include <string>

#include "testing/testing.h"

namespace weirhouse::testing {

inline std::string ProjectFolder(const std::string& project) {
  return SourceFolder() + "/src/testing/projects/" + project;
}
// The text of one file.
inline std::string ProjectFile(const std::string& project, const std::string& path) {
  return ReadFile(ProjectFolder(project) + "/" + path);
}
// Copies all files into `folder`, over what is there.
inline void CopyProject(const std::string& project, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  fs::copy(ProjectFolder(project), folder,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}
}  // namespace weirhouse::testing
