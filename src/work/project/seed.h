// Seeds: small CSV files of a project, read as reference tables.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Reads `seed.path` below `root`: digest, rows and columns. A column has the type that the project
// declares; else it is integer, number, boolean, date or timestamp only where each of its values is
// spelled as such a value is written out again, and else text: "00501", "1.10", "1E5" and numbers
// beyond 64 bits stay as they are. An empty field is null; in quotes it is a text.
// kInvalidInput (WH2010) names the file, the line and the column; kNotFound if the file is absent.
Status LoadSeed(const std::string& root, Seed& seed);
// The same of a seed whose file held `bytes`.
Status ParseSeed(const std::string& bytes, Seed& seed);

// One line for each column that looks like numbers and is text all the same, and why.
std::vector<std::string> SeedNotes(const Seed& seed);
}  // namespace weirhouse::work
