// What a gate's SQL reads, from DuckDB's own syntax tree.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace weirhouse::storage {
class SqlSession;
}  // namespace weirhouse::storage

namespace weirhouse::gate {

// Tables by their name in the SQL ("this", "this_table", "processed.departure", "ref.airline") and
// every column name that occurs; a name is needed of each table that has it.
struct SqlReads {
  struct TableRead {
    std::string name;
    bool all_columns = false;          // a star reaches it
    std::vector<std::string> columns;  // to load; empty = all. Filled in by Resolve
  };
  std::vector<TableRead> tables;     // sorted by name
  std::vector<std::string> columns;  // sorted; qualifiers and aliases included, which does no harm

  // Chooses the columns to load of `table`, which has `available`: at least one, so that rows
  // count.
  void Resolve(TableRead& table, const std::vector<std::string>& available) const;
};

// Parses one SELECT. Refuses (WH3006) whatever does not parse, other statements, several
// statements, functions that do not give the same answer twice, table functions that reach
// outside, and samples.
Result<SqlReads> ReadSqlReferences(std::string_view sql, storage::SqlSession& session);
}  // namespace weirhouse::gate
