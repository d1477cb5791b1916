// Whether the database's own indexes still agree with its tables.
#pragma once

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// kCorruption (WH7009) names what does not fit: a row that an index does not find, or an entry that
// leads to none. Unique keys are enforced, and most rows found, through indexes alone, so that a
// damaged one takes an arrival in twice without a word.
//   SQLite      its integrity check of every page, table and index
//   PostgreSQL  amcheck where that is installed; else each row is looked up through each index
// Inside a reading transaction. Cost: reads every row and index entry.
Status CheckIndexes(platform::Database& db);

// The same, in PostgreSQL, of what is asked first when a catalog is opened: its version and its
// settings. A row that is not found there would make it an empty catalog, or another project's,
// which `wh init` would write over. In SQLite these tables are their own indexes. Cost: a few ms,
// and reads these two tables.
Status CheckFirstIndexes(platform::Database& db);
}  // namespace weirhouse::catalog
