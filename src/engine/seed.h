// Seeds: small CSV files of a project, read as reference tables. Private to engine/.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/project.h"

namespace weirhouse::engine {

// Reads `seed.path` below `root`: digest and rows. Column types are sniffed from all of its values
// (integer, number, boolean, date, timestamp, else text). kInvalidInput names the file; kNotFound
// if it is absent.
Status LoadSeed(const std::string& root, Seed& seed);
}  // namespace weirhouse::engine
