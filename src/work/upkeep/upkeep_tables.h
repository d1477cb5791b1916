// The tables that the project's own steps write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct OwnTable {
  std::string name;
  std::int64_t version = 0;  // how often its metadata was written
};
// Those that exist, by name. Cost: the catalog's list of tables.
Result<std::vector<OwnTable>> OwnTables(Workspace& workspace);
// Of the table now; 0 if there is none.
Result<std::int64_t> VersionOf(Workspace& workspace, const std::string& table);
}  // namespace weirhouse::work
