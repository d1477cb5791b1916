// What a gate's SQL reads, from DuckDB's own syntax tree.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::platform {
class SqlSession;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

// Tables by their name in the SQL ("this", "this_table", "processed.departure", "ref.airline";
// `this` and `this_table` in lower case) and
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
// statements, functions that are not on the list of those whose result depends on their arguments
// alone (rules/transform/function_list.h; sums of floats may stand in a gate), table
// functions that reach outside, samples, and a WITH that takes the name of a table.
Result<SqlReads> ReadSqlReferences(std::string_view sql, platform::SqlSession& session);

// "SELECT (EXPRESSION\n) FROM ROWS"; a remark may end the expression.
inline constexpr std::string_view kBeforePair = "SELECT (";
std::string PairQuery(std::string_view expression, std::string_view rows);

// What the expression of a `pair` reads, and how it may be asked.
struct PairReads {
  SqlReads reads;
  // Subqueries and windows may bring rows in another order: such an expression is asked alone, with
  // the rows numbered.
  bool keeps_order = true;
};
// Parses one expression over the rows of `rows` ("this", "this_table"). Refuses (WH3006) what
// ReadSqlReferences does and what is not one value for each row: several expressions, a list with
// FROM or WHERE behind it, an aggregate or a function of several rows outside a subquery.
Result<PairReads> ReadPairReferences(std::string_view expression, std::string_view rows,
                                     platform::SqlSession& session);
}  // namespace weirhouse::gate
