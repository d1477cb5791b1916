// Checks that the database has exactly the tables, indexes and views that the migrations made.
#pragma once

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// kCorruption (WH7008) names what is missing, foreign or defined differently. Rows alone do not
// reveal this: without a unique index an arrival is taken in twice, and a trigger changes what is
// written.
//   SQLite      every definition, apart from blanks
//   PostgreSQL  the names of tables, views and indexes, which indexes are unique, and triggers
// Call it inside a reading transaction. Cost: creates an empty catalog in memory.
Status CheckLayout(platform::Database& db);
}  // namespace weirhouse::catalog
