// Rows on which a transform's SQL fails: found when a run over all of them failed, so that the
// others go on.
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

// A row of the input that the SQL cannot be run on, alone or with others.
struct PoisonRow {
  std::int64_t record = -1;  // its `_record`; -1: it comes from no one record
  std::string place;         // "processed/visit.sql:4:3": of the expression that fails on it
  std::string expression;    // as written there; empty where the place is the table's
  std::string found;         // what the SQL engine said of the row
};

struct GoodRows {
  std::shared_ptr<arrow::Table> rows;  // RunTransform's
  std::vector<PoisonRow> poison;       // in the order of the input
};

// RunTransform over what is registered; `input` is what stands under `driver` (afterwards perhaps
// a part of it).
// If the SQL fails on a value, it is run again without the rows on which it fails alone, and they
// are told. What no one row is to blame for (a sum that overflows, an error on no rows at all, a
// query that reads several tables) stays an error: WH2114 with the place of the expression where
// that can be found.
// Whether a row is one of them depends on it and on the SQL alone, so every batch and a rebuild
// find the same, in whatever order. Cost: that of RunTransform where it succeeds; else two runs, up
// to 100 runs over one row for each item of the SELECT list that fails and for a WHERE of one
// condition, one for each row on which a WHERE of several fails, and about 2 log2(rows between
// them) for each that fails in a way which only a run tells (a join's condition). `told`: so many
// rows of the same batch were told already.
Result<GoodRows> RunAround(platform::SqlSession& session, const CheckedTransform& checked,
                           const std::string& driver, const std::shared_ptr<arrow::Table>& input,
                           ProcessTime run_time, std::size_t told = 0);
}  // namespace weirhouse::transform
