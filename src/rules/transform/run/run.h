// Executes a checked transform. Threads: one, that of the session.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/check/check.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

// The reason if SQL failed because of a value in its rows.
inline constexpr Reason kFailedOnValue{"WH2114"};

// Registers `rows` under `name` for `checked`. SQL that makes one row of several never sees the
// sign of a zero: DuckDB treats -0.0 and 0.0 as equal and would return the first it met.
Status RegisterInput(platform::SqlSession& session, const CheckedTransform& checked,
                     const std::string& name, const std::shared_ptr<arrow::Table>& rows);

// Runs `checked` over the tables registered in `session` under the names of checked.references (in
// incremental mode: only the driver's new rows). Returns rows of checked.output's schema, sorted by
// `_record` if row-wise. All NaNs are equal in bits; -0.0 is kept if row-wise and becomes 0.0
// otherwise.
//   WH2111  a joined seed has two rows for one key, so that one record would become two rows
//   WH2114  the SQL failed on a value (a cast, a division); nothing is returned
Result<std::shared_ptr<arrow::Table>> RunTransform(platform::SqlSession& session,
                                                   const CheckedTransform& checked,
                                                   ProcessTime run_time);
}  // namespace weirhouse::transform
