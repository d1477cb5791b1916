// Whether the database's own indexes still agree with its tables. Private to catalog/.
#pragma once

#include "base/status.h"
#include "storage/database.h"

namespace weirhouse::catalog {

// kCorruption (WH7009) names what does not fit: a row that an index does not find, or an entry that
// leads to none. Unique keys are enforced, and most rows found, through indexes alone, so that a
// damaged one takes an arrival in twice without a word.
//   SQLite      its integrity check of every page, table and index
//   PostgreSQL  amcheck where that is installed; else each row is looked up through each index
// Inside a reading transaction. Cost: reads every row and index entry.
Status CheckIndexes(storage::Database& db);
}  // namespace weirhouse::catalog
