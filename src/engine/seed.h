// Seeds: small CSV files of a project, read as reference tables. Private to engine/.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/project.h"
#include "storage/sql.h"

namespace weirhouse::engine {

// Reads `seed.path` below `root`: digest and rows. Column types are sniffed from all of its values
// (integer, number, boolean, date, timestamp, else text). kInvalidInput names the file; kNotFound
// if it is absent.
// `reader` is a session that may read files.
Status LoadSeed(const std::string& root, storage::SqlSession& reader, Seed& seed);
}  // namespace weirhouse::engine
