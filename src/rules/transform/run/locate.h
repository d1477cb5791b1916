// Which expression of a query fails on which row.
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
  std::vector<std::string> columns;  // that it names, whosever
  bool filters = false;              // it stands in a WHERE of several conditions
  bool guarded = false;  // and is not reached if the parts of that are taken in their order
};
// Asks the SQL engine which expression of the one SELECT `query` fails on which row of
// `input`, which it reads as `table`: each is tried by itself, in the rows that its WHERE lets
// through; those of the WHERE in all rows, as the engine takes its parts in an order of its own. Of
// several the innermost, first one counts. By row of `input`. Empty where the query
// cannot be asked so: several SELECTs, a table that is read twice, functions that may not be tried.
// Other inputs must be registered; `registers` puts rows under the name `table`, and is given those
// of `input` with a column more.
using RegisterRows = std::function<Status(const std::shared_ptr<arrow::Table>& rows)>;
Result<std::map<std::int64_t, FailingExpression>> FindFailingExpressions(
    platform::SqlSession& session, const std::string& query, const std::string& table,
    const std::shared_ptr<arrow::Table>& input, ProcessTime run_time,
    const RegisterRows& registers);
// "n = -1, k = NULL": what `columns` hold in a row of `input`, those that it has; cut.
std::string ValuesOf(const arrow::Table& input, std::int64_t row,
                     const std::vector<std::string>& columns);

struct FailingPlace {
  std::string place;       // "processed/visit.sql:4:3"
  std::string expression;  // as the SQL engine writes it
  std::vector<std::string> columns;
  bool filters = false;  // it stands in a WHERE of several conditions
  bool guarded = false;  // and is not reached if the parts of that are taken in their order
};
// The same of a transform, with the places in its file.
Result<std::map<std::int64_t, FailingPlace>> FindFailing(platform::SqlSession& session,
                                                         const CheckedTransform& checked,
                                                         const std::string& driver,
                                                         const std::shared_ptr<arrow::Table>& input,
                                                         ProcessTime run_time);
}  // namespace weirhouse::transform
