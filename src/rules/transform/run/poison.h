// Rows on which a transform's SQL fails: found after a run over all rows failed, so that the others
// are processed.
#pragma once

#include <cstddef>
#include <cstdint>
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

// A row of the input that the SQL fails on, alone or with others.
struct PoisonRow {
  std::int64_t record = -1;  // its `_record`; -1: it comes from no single record
  std::string place;         // of the expression that fails: "processed/visit.sql:4:3"
  std::string expression;    // as written there; empty if only the table is known
  std::string found;         // the SQL engine's message about the row
};

struct GoodRows {
  std::shared_ptr<arrow::Table> rows;  // the result of RunTransform
  std::vector<PoisonRow> poison;       // in the order of the input
};

// Runs RunTransform over the registered inputs; `input` is what is registered as `driver`
// (afterwards perhaps only a part of it). If the SQL fails on a value, runs it again without the
// rows on which it fails alone, and returns those as `poison`. A failure that no single row causes
// (a sum that overflows, an error without rows, a query over several tables) stays an error: WH2114
// with the place of the expression if it can be found.
// Whether a row is poison depends only on the row and the SQL, so all batches and a rebuild find
// the same rows, in any order. Cost: that of RunTransform if it succeeds. Otherwise two runs, up to
// 100 runs over one row for each item of the SELECT list that fails and for a WHERE with one
// condition, one for each row on which a WHERE with several fails, and about 2 log2(rows between
// them) for each row that fails in a way which only a run shows (a join's condition). `told`: how
// many rows of the same batch were reported before.
Result<GoodRows> RunAround(platform::SqlSession& session, const CheckedTransform& checked,
                           const std::string& driver, const std::shared_ptr<arrow::Table>& input,
                           ProcessTime run_time, std::size_t told = 0);
}  // namespace weirhouse::transform
