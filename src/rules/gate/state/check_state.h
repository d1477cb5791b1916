// What a check gathers of the rows it judges: a state that is updated by row groups, merged in any
// order, and stored as bytes. Judging it (`Finish` in judge/evaluation.h) needs no row again, so a
// batch can be judged from states that were made file by file, in several processes or long ago.
//
// Which checks can be judged this way is a matter of their kind's type: a StateRule can, a RowsRule
// says why it cannot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/definition/rule.h"
#include "rules/gate/state/gathered.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::gate {

// Why `check` needs its rows, or empty.
std::string_view WhyNeedsRows(const Check& check);

// Threads: one writer. The check must outlive it. Memory: what ColumnState says, or 8 bytes for
// each bad row.
class CheckState {
 public:
  // WEIRHOUSE_CHECK: `check` can be judged from its state (WhyNeedsRows is empty).
  static CheckState Of(const Check& check);

  // Adds a row group (or any part) of the rows that are judged, of which `rows` has at least the
  // columns of the check. `first_row` is its place among all of them; each row is added once.
  // Errors are those of a check that cannot be judged: WH3004 unknown column, WH3005 type, WH3008
  // pattern. The state is then of no more use.
  Status Update(const arrow::Table& rows, std::int64_t first_row);
  // Adds rows of which the check needs no value (StateRule::NeedsValues).
  void CountRows(std::int64_t rows) { rows_ += rows; }
  // Adds what another state of the same check has seen of other rows. Associative and commutative.
  Status Merge(const CheckState& other);
  // Equal states are equal bytes (CBOR of the form that ColumnState::ToJson begins).
  std::string Serialize() const;
  // What Serialize wrote for the same check. kCorruption (WH3011) for anything else.
  static Result<CheckState> Parse(const Check& check, std::string_view bytes);

  std::int64_t rows() const { return rows_; }
  // What was gathered; the type follows from the kind of check.
  const Gathered& gathered() const { return *gathered_; }
  template <typename State>
  const State& As() const {
    return GatheredAs<State>::Of(*gathered_).state;
  }

 private:
  CheckState(const Check& check, const StateRule& rule)
      : check_(&check), rule_(&rule), gathered_(rule.Begin()) {}

  const Check* check_;
  const StateRule* rule_;
  std::int64_t rows_ = 0;
  std::unique_ptr<Gathered> gathered_;
};
}  // namespace weirhouse::gate
