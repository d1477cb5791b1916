// What the catalog's SQL says differently to the two databases.
#pragma once

#include <string>
#include <string_view>

#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// The statements of a migration, which are written for SQLite, as `dialect` reads them. To
// PostgreSQL
//   - texts are compared byte by byte, as SQLite compares them;
//   - numbers made by AUTOINCREMENT come from a function that takes the greatest one plus one, not
//     from a sequence, whose numbers a rollback loses: commit sequences have no gaps. Writers come
//     one after the other, so that no two take the same.
// All other statements of the catalog are the same text for both.
std::string MigrationFor(platform::Dialect dialect, std::string_view sql);
}  // namespace weirhouse::catalog
