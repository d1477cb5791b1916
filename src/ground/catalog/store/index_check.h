// Checks that the database's own indexes agree with its tables.
#pragma once

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// kCorruption (WH7009) names the mismatch: a row that an index does not find, or an index entry
// without a row. Unique keys are enforced, and most rows found, through indexes alone; with a
// damaged index an arrival is silently taken in twice.
//   SQLite      its integrity check of every page, table and index
//   PostgreSQL  amcheck if it is installed; else each row is looked up through each index
// Call it inside a reading transaction. Cost: reads every row and index entry.
Status CheckIndexes(platform::Database& db);

// As CheckIndexes, in PostgreSQL, for the tables read first when a catalog is opened: its version
// and its settings. If a row is not found there, the catalog looks empty, or like another
// project's, and `wh init` would overwrite it. In SQLite these tables are their own indexes. Cost:
// a few ms, reads these two tables.
Status CheckFirstIndexes(platform::Database& db);
}  // namespace weirhouse::catalog
