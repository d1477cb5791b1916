// Seeds: small CSV files of a project, readable as reference tables.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Reads `seed.path` below `root`: digest, rows and columns. A column has the type that the project
// declares. Otherwise it is integer, number, boolean, date or timestamp only if each of its values
// is written as SQL would write it; else it is text: "00501", "1.10", "1E5" and numbers beyond 64
// bits stay as they are. An empty field is null, and in quotes an empty text. kInvalidInput
// (WH2010) names the file, the line and the column; kNotFound if the file does not exist.
Status LoadSeed(const std::string& root, Seed& seed);
// As LoadSeed, for a file that held `bytes`.
Status ParseSeed(const std::string& bytes, Seed& seed);

// One line, with the reason, for each column that looks like numbers but is text.
std::vector<std::string> SeedNotes(const Seed& seed);
}  // namespace weirhouse::work
