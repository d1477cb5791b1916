// Translates the catalog's SQL for the two databases.
#pragma once

#include <string>
#include <string_view>

#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// The statements of a migration, which are written for SQLite, translated for `dialect`. For
// PostgreSQL
//   - text is compared byte by byte, as in SQLite;
//   - AUTOINCREMENT becomes a function that takes the greatest number plus one, not a sequence: a
//   rollback would lose a sequence's numbers, and commit sequences have no gaps. Writers run one
//   after the other, so no two take the same number.
//     from a sequence, whose numbers a rollback loses: commit sequences have no gaps. Writers come
//     one after the other, so that no two take the same.
// All other statements of the catalog have the same text for both.
std::string MigrationFor(platform::Dialect dialect, std::string_view sql);
}  // namespace weirhouse::catalog
