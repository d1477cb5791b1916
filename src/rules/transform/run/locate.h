// Finds which expression of a query fails on which row. Threads: one, that of the session.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/check/check.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

struct FailingExpression {
  std::string sql;                   // as the SQL engine writes it, at most 120 bytes
  std::int64_t offset;               // where it begins in the query; -1: unknown
  std::vector<std::string> columns;  // all columns that it names, of any table
  bool filters = false;              // it is part of a WHERE with several conditions
  bool guarded = false;              // and is not evaluated if the conditions run in their order
};
// Asks the SQL engine which expression of the one SELECT `query` fails on which row of `input`,
// which the query reads as `table`. Each expression is tried alone, on the rows that WHERE lets
// through; those of WHERE on all rows, because the engine chooses the order of its parts. Of
// several the innermost, first one counts. Returns the expressions by row of `input`; empty if the
// query cannot be examined in this way: several SELECTs, a table that is read twice, functions that
// may not be tried. Other inputs must be registered. `registers` registers rows under the name
// `table`; it is given the rows of `input` with an extra column.
using RegisterRows = std::function<Status(const std::shared_ptr<arrow::Table>& rows)>;
Result<std::map<std::int64_t, FailingExpression>> FindFailingExpressions(
    platform::SqlSession& session, const std::string& query, const std::string& table,
    const std::shared_ptr<arrow::Table>& input, ProcessTime run_time,
    const RegisterRows& registers);
// "n = -1, k = NULL": the values of those of `columns` that `input` has, in one row; cut.
std::string ValuesOf(const arrow::Table& input, std::int64_t row,
                     const std::vector<std::string>& columns);

struct FailingPlace {
  std::string place;       // "processed/visit.sql:4:3"
  std::string expression;  // as the SQL engine writes it
  std::vector<std::string> columns;
  bool filters = false;  // it is part of a WHERE with several conditions
  bool guarded = false;  // and is not evaluated if the conditions run in their order
};
// The same for a transform, with the places in its file.
Result<std::map<std::int64_t, FailingPlace>> FindFailing(platform::SqlSession& session,
                                                         const CheckedTransform& checked,
                                                         const std::string& driver,
                                                         const std::shared_ptr<arrow::Table>& input,
                                                         ProcessTime run_time);
}  // namespace weirhouse::transform
