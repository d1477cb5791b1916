// Executes a checked transform.
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

// SQL was refused because of a value of its rows.
inline constexpr Reason kFailedOnValue{"WH2114"};

// Makes `rows` readable to `checked` under `name`. SQL that makes one row of several never sees the
// sign of a zero: DuckDB takes -0.0 and 0.0 for equal and would show the one that it met first.
Status RegisterInput(platform::SqlSession& session, const CheckedTransform& checked,
                     const std::string& name, const std::shared_ptr<arrow::Table>& rows);

// Runs `checked` over what is registered in `session` under the names of checked.references (in
// incremental mode: the driver's new rows only). Returns rows of checked.output's schema, sorted by
// `_record` if row-wise. Of NaN there is one; -0.0 stays if row-wise and is 0.0 otherwise.
//   WH2111  a joined seed has two rows for one key, so that one record would become two rows
//   WH2114  the SQL failed on a value (a cast, a division); nothing is returned
Result<std::shared_ptr<arrow::Table>> RunTransform(platform::SqlSession& session,
                                                   const CheckedTransform& checked,
                                                   ProcessTime run_time);
}  // namespace weirhouse::transform
