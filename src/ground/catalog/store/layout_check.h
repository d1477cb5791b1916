// Whether the database still has the tables, indexes and views that the migrations made.
#pragma once

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// kCorruption (WH7008) names what is gone, was made by somebody else, or is defined otherwise. Rows
// alone do not tell: without a unique index an arrival is taken in twice, a trigger changes what is
// written.
//   SQLite      every definition, but for blanks
//   PostgreSQL  the names of tables, views and indexes, which of these are unique, and triggers
// Inside a reading transaction. Cost: makes an empty catalog in memory.
Status CheckLayout(platform::Database& db);
}  // namespace weirhouse::catalog
