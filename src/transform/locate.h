// Where in its file a transform's SQL fails on a row. Private to transform/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "storage/sql.h"
#include "transform/check.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

struct FailingPlace {
  std::string place;       // "processed/visit.sql:4:3"
  std::string expression;  // as the SQL engine writes it
  bool filters = false;    // it stands in WHERE
  bool guarded = false;    // and is not reached if the parts of that are taken in their order
};

// Asks the SQL engine which expression of a transform fails on which row of
// `input`: each is tried by itself, in the rows that its WHERE lets through; those of the WHERE in
// all rows, as the engine takes its parts in an order of its own. Of several the
// innermost, first one counts. By row of `input`. Empty where the query cannot be asked so: several
// SELECTs, a driver that is read twice, functions that may not be tried. Other inputs must be
// registered; `driver` is left registered with a column more.
Result<std::map<std::int64_t, FailingPlace>> FindFailing(storage::SqlSession& session,
                                                         const CheckedTransform& checked,
                                                         const std::string& driver,
                                                         const std::shared_ptr<arrow::Table>& input,
                                                         ProcessTime run_time);
}  // namespace weirhouse::transform
