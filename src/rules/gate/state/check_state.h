// What a check gathers of the rows it judges: a state that is updated by row groups, merged in any
// order, and stored as bytes. Judging it (`Finish` in judge/evaluation.h) needs no row again, so a
// batch can be judged from states that were made file by file, in several processes or long ago.
//
// Which kinds of checks can be judged this way is a matter of type: kNeedsRows<Rule> says which
// cannot, and why; CheckState::Of takes the others.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/history/column_state.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::gate {

// Why a kind of check looks at rows beside each other; empty: its states can be merged.
template <typename Rule>
inline constexpr std::string_view kNeedsRows = "";
template <>
inline constexpr std::string_view kNeedsRows<UniqueRule> =
    "keys are compared with each other, beyond what memory holds in sorted runs on disk";
template <>
inline constexpr std::string_view kNeedsRows<DistinctRule> = kNeedsRows<UniqueRule>;
template <>
inline constexpr std::string_view kNeedsRows<ReferencesRule> = "keys are joined with another table";
template <>
inline constexpr std::string_view kNeedsRows<PairRule> = "an SQL expression runs over the rows";
template <>
inline constexpr std::string_view kNeedsRows<SqlRule> = "an SQL query runs over the rows";

template <typename Rule>
concept JudgedFromState = kNeedsRows<Rule>.empty();

// Why `check` needs its rows, or empty.
std::string_view WhyNeedsRows(const Check& check);

// The number of rows is enough: row_count, row_count_change, arrives.
struct RowsSeen {};
// Of a column of times: freshness.
struct NewestValue {
  std::optional<Family> family;
  std::int64_t nulls = 0;
  std::optional<std::int64_t> newest;  // days or microseconds
};
// Of checks that look at each value. Places are those of the whole batch, counted from 0.
struct MarkedRows {
  std::int64_t nulls = 0;         // left out of what is judged
  std::vector<std::int64_t> bad;  // ascending, each once
  std::map<std::string, std::int64_t>
      of;  // `required`: bad values by column, those without left out
};

// Threads: one writer. The check must outlive it. Memory: what ColumnState says, or 8 bytes for
// each bad row.
class CheckState {
 public:
  using Gathered = std::variant<RowsSeen, NewestValue, MarkedRows, ColumnState>;

  // WEIRHOUSE_CHECK: `check` can be judged from its state (WhyNeedsRows is empty).
  static CheckState Of(const Check& check);

  // Adds a row group (or any part) of the rows that are judged, of which `rows` has at least the
  // columns of the check. `first_row` is its place among all of them; each row is added once.
  // Errors are those of a check that cannot be judged: WH3004 unknown column, WH3005 type, WH3008
  // pattern. The state is then of no more use.
  Status Update(const arrow::Table& rows, std::int64_t first_row);
  // Adds what another state of the same check has seen of other rows. Associative and commutative.
  Status Merge(const CheckState& other);
  // Equal states are equal bytes (CBOR of the form that ColumnState::ToJson begins).
  std::string Serialize() const;
  // What Serialize wrote for the same check. kCorruption (WH3011) for anything else.
  static Result<CheckState> Parse(const Check& check, std::string_view bytes);

  std::int64_t rows() const { return rows_; }
  // What was gathered; the type follows from the kind of check.
  template <typename T>
  const T& As() const {
    return std::get<T>(gathered_);
  }
  const Gathered& gathered() const { return gathered_; }

 private:
  explicit CheckState(const Check& check) : check_(&check) {}
  template <typename Rule>
  Status UpdateFor(const Rule& rule, const arrow::Table& rows, std::int64_t first_row);

  const Check* check_;
  std::int64_t rows_ = 0;
  Gathered gathered_;
};
}  // namespace weirhouse::gate
