#include "rules/feature/kernel/kernel.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <queue>
#include <utility>

#include "rules/feature/kernel/visibility.h"
#include "rules/feature/kernel/window_state.h"

namespace weirhouse::feature {
namespace {
// (t - ev) / 10^6, rounded once.
double SecondsBetween(std::int64_t at, std::int64_t event_time) {
  return RoundedQuotient(static_cast<WideInt>(at) - event_time, 1'000'000);
}

// Moves one entity through time. Rows enter when the end of the windows passes their event time and
// they are known; they leave at the start of each window, or when a version hides them.
class Sweep {
 public:
  Sweep(const ViewPlan& plan, const EntityRowsView& rows)
      : plan_(plan), rows_(*rows.rows), begin_(rows.begin), end_(rows.end) {
    states_.reserve(plan.slots.size());
    for (const Slot& slot : plan.slots) states_.emplace_back(slot.kind);
    Begin(begin_);
  }

  // Starts at the first row that any window at `at` can contain, not at the entity's first.
  void SeekTo(std::int64_t at) {
    const std::int64_t low = LowOf(at, plan_.window_us_max());
    const auto first = rows_.event_time.begin();
    Begin(
        static_cast<std::size_t>(std::lower_bound(first + static_cast<std::ptrdiff_t>(begin_),
                                                  first + static_cast<std::ptrdiff_t>(end_), low) -
                                 first));
  }

  void Advance(Label label);
  Status Emit(std::span<Cell> cells);

 private:
  using Due = std::pair<std::int64_t, std::size_t>;  // (known time, row), the earliest on top
  using DueQueue = std::priority_queue<Due, std::vector<Due>, std::greater<>>;

  // One past the index of a row; `begin_` means none.
  using RowEnd = std::size_t;

  void Begin(std::size_t row) {
    entered_ = row;
    newest_end_ = row;
    lefts_.assign(plan_.windows_us.size(), row);
  }
  std::int64_t LowOf(std::int64_t at, std::int64_t window_us) const {
    return WindowLow(plan_.view, at, window_us);
  }
  std::int64_t HighOf(std::int64_t at) const { return WindowHigh(plan_.view, at); }
  bool Survives(std::size_t row) const { return StandsAt(rows_, row, known_); }

  void Enter(std::size_t row);
  void Put(std::size_t row);
  void Hide(std::size_t row);
  void MoveStarts();
  RowEnd ChosenAtT() const;
  bool DeleteHidOne();
  FeatureStatus ExplainAbsence(std::int64_t high);
  void EmitUnwindowed(const PlannedOutput& output, Cell* cell);
  Status EmitWindowed(const PlannedOutput& output, Cell* cell);
  void TakeValue(const PlannedOutput& output, std::size_t row, Cell* cell) const;

  const ViewPlan& plan_;
  const FeatureRows& rows_;
  std::size_t begin_;
  std::size_t end_;
  std::int64_t at_ = kTimeless;
  std::int64_t known_ = kTimeless;
  std::size_t entered_ = 0;          // the end of the windows has passed the rows before it
  RowEnd newest_end_ = 0;            // every survivor that entered lies before it
  std::vector<std::size_t> lefts_;   // per window: its first row
  std::vector<WindowState> states_;  // per slot
  DueQueue unknown_;                 // entered, not yet known
  DueQueue hiding_;                  // in the windows, to be hidden
  std::optional<std::vector<std::size_t>> deletes_;  // delete rows, looked up when first needed
};

void Sweep::Put(std::size_t row) {
  newest_end_ = std::max(newest_end_, row + 1);
  for (std::size_t s = 0; s < states_.size(); ++s) {
    const Slot& slot = plan_.slots[s];
    if (row >= lefts_[slot.window]) states_[s].Add(rows_, slot.expression, row);
  }
  if (rows_.hidden_at[row] != kNever) hiding_.emplace(rows_.hidden_at[row], row);
}

void Sweep::Hide(std::size_t row) {
  for (std::size_t s = 0; s < states_.size(); ++s) {
    const Slot& slot = plan_.slots[s];
    if (row >= lefts_[slot.window]) states_[s].Remove(rows_, slot.expression, row);
  }
}

void Sweep::Enter(std::size_t row) {
  if (rows_.deleted[row] != 0) return;
  if (rows_.known_time[row] > known_) {
    unknown_.emplace(rows_.known_time[row], row);
  } else if (Survives(row)) {
    Put(row);
  }
}

void Sweep::MoveStarts() {
  for (std::size_t w = 0; w < lefts_.size(); ++w) {
    const std::int64_t low = LowOf(at_, plan_.windows_us[w]);
    std::size_t& left = lefts_[w];
    for (; left < entered_ && rows_.event_time[left] < low; ++left) {
      if (!Survives(left)) continue;
      for (std::size_t s = 0; s < states_.size(); ++s) {
        if (plan_.slots[s].window == w) {
          states_[s].Remove(rows_, plan_.slots[s].expression, left);
        }
      }
    }
  }
}

void Sweep::Advance(Label label) {
  at_ = label.at;
  known_ = KnownAt(plan_.view, label.known);
  while (!hiding_.empty() && hiding_.top().first <= known_) {
    Hide(hiding_.top().second);
    hiding_.pop();
  }
  while (!unknown_.empty() && unknown_.top().first <= known_) {
    const std::size_t row = unknown_.top().second;
    unknown_.pop();
    if (Survives(row)) Put(row);
  }
  const std::int64_t high = HighOf(at_);
  for (; entered_ < end_ && rows_.event_time[entered_] <= high; ++entered_) Enter(entered_);
  MoveStarts();
  // A row at or beyond newest_end_ would have raised it when it entered; those below are checked
  // again.
  while (newest_end_ > begin_ && !Survives(newest_end_ - 1)) --newest_end_;
}

// Rows between the end of the windows and t have event time t exactly, so few rows follow.
Sweep::RowEnd Sweep::ChosenAtT() const {
  RowEnd chosen = newest_end_;
  for (std::size_t row = entered_; row < end_ && rows_.event_time[row] <= at_; ++row) {
    if (Survives(row)) chosen = row + 1;
  }
  return chosen;
}

// Whether a delete is visible at k and hid a row: it is not the first version of its key.
bool Sweep::DeleteHidOne() {
  if (!deletes_) {
    deletes_.emplace();
    for (std::size_t row = begin_; row < end_; ++row) {
      if (rows_.deleted[row] != 0) deletes_->push_back(row);
    }
  }
  for (const std::size_t row : *deletes_) {
    if (rows_.known_time[row] > known_ || rows_.hidden_at[row] <= known_) continue;
    for (std::size_t other = begin_; other < end_; ++other) {
      if (rows_.deleted[other] == 0 && rows_.known_time[other] <= known_ &&
          rows_.row_key[other] == rows_.row_key[row]) {
        return true;
      }
    }
  }
  return false;
}

FeatureStatus Sweep::ExplainAbsence(std::int64_t high) {
  if (DeleteHidOne()) return FeatureStatus::kNotFound;
  // From the newest row: if there is a later row, the first check nearly always finds it.
  for (std::size_t row = end_; row-- > begin_;) {
    if (rows_.deleted[row] != 0) continue;
    const bool unknown = rows_.known_time[row] > known_;
    const bool stands = !unknown && known_ < rows_.hidden_at[row];
    if (unknown || (stands && rows_.event_time[row] > high)) return FeatureStatus::kNotYetKnown;
  }
  return FeatureStatus::kNotFound;
}

void Sweep::TakeValue(const PlannedOutput& output, std::size_t row, Cell* cell) const {
  cell->has_event_time = rows_.event_time[row] != kTimeless;
  cell->event_time = rows_.event_time[row];
  cell->status = FeatureStatus::kPresent;
  if (output.aggregate == Aggregate::kSecondsSinceLast) {
    cell->bits = std::bit_cast<std::uint64_t>(SecondsBetween(at_, rows_.event_time[row]));
    return;
  }
  const ValueColumn& column = rows_.values[*output.expression];
  if (column.valid[row] == 0) {
    cell->status = FeatureStatus::kNull;
  } else if (column.type == ValueType::kDecimal) {
    const WideInt digits = DecimalDigits(column.texts[row]);
    cell->bits = std::bit_cast<std::uint64_t>(RoundedDecimal(digits, column.scale));
  } else if (column.type == ValueType::kString) {
    cell->text = column.texts[row];
  } else {
    cell->bits = column.bits[row];
  }
}

void Sweep::EmitUnwindowed(const PlannedOutput& output, Cell* cell) {
  const bool latest = output.aggregate == Aggregate::kLatest;
  const RowEnd chosen = latest ? ChosenAtT() : newest_end_;
  if (chosen == begin_) {
    cell->status = ExplainAbsence(latest ? at_ : HighOf(at_));
    return;
  }
  const std::size_t row = chosen - 1;
  const std::optional<std::int64_t>& ttl = plan_.view.ttl_us;
  if (ttl && rows_.event_time[row] < MinusTime(at_, *ttl)) {
    cell->status = FeatureStatus::kExpired;
    cell->has_event_time = true;
    cell->event_time = rows_.event_time[row];
    return;
  }
  TakeValue(output, row, cell);
}

Status Sweep::EmitWindowed(const PlannedOutput& output, Cell* cell) {
  const std::size_t newest = newest_end_ - 1;  // only read if newest_end_ > begin_
  const bool any = newest_end_ > begin_ &&
                   rows_.event_time[newest] >= LowOf(at_, plan_.windows_us[*output.window]);
  bool has_value = false;
  if (output.slot) {
    WEIRHOUSE_TRY(has_value, states_[*output.slot].Finish(output, cell));
    if (has_value) cell->status = FeatureStatus::kPresent;
    if (any) {
      cell->has_event_time = true;
      cell->event_time = rows_.event_time[newest];
    }
  } else if (any) {
    TakeValue(output, newest, cell);
    return Status();
  }
  if (!has_value) {
    cell->status = newest_end_ > begin_ ? FeatureStatus::kNull : ExplainAbsence(HighOf(at_));
  }
  return Status();
}

Status Sweep::Emit(std::span<Cell> cells) {
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
    const PlannedOutput& output = plan_.outputs[i];
    cells[i] = Cell();
    cells[i].type = output.type;
    if (output.window) {
      WEIRHOUSE_TRY_STATUS(EmitWindowed(output, &cells[i]));
    } else {
      EmitUnwindowed(output, &cells[i]);
    }
  }
  return Status();
}

bool KnownNeverFalls(std::span<const Label> labels) {
  for (std::size_t i = 1; i < labels.size(); ++i) {
    if (labels[i].known < labels[i - 1].known) return false;
  }
  return true;
}
}  // namespace

Value Cell::ToValue() const {
  if (status != FeatureStatus::kPresent) return Value();
  switch (type) {
    case ValueType::kBool:
      return Value(bits != 0);
    case ValueType::kInt64:
      return Value(static_cast<std::int64_t>(bits));
    case ValueType::kDouble:
      return Value(std::bit_cast<double>(bits));
    case ValueType::kString:
      return Value(std::string(text));
    case ValueType::kDecimal:  // answers never have this type
    case ValueType::kTimestamp:
      break;
  }
  return Value(Timestamp{static_cast<std::int64_t>(bits)});
}

Status Evaluate(const ViewPlan& plan, const EntityRowsView& rows, Label label,
                std::span<Cell> cells) {
  Sweep sweep(plan, rows);
  sweep.SeekTo(label.at);
  sweep.Advance(label);
  return sweep.Emit(cells);
}

Status EvaluateMany(const ViewPlan& plan, const EntityRowsView& rows, std::span<const Label> labels,
                    const std::function<void(std::size_t, std::span<const Cell>)>& take) {
  std::vector<Cell> cells(plan.outputs.size());
  if (!plan.view.as_of_latest && !KnownNeverFalls(labels)) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      WEIRHOUSE_TRY_STATUS(Evaluate(plan, rows, labels[i], cells));
      take(i, cells);
    }
    return Status();
  }
  Sweep sweep(plan, rows);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    WEIRHOUSE_CHECK(i == 0 || labels[i - 1].at <= labels[i].at);
    sweep.Advance(labels[i]);
    WEIRHOUSE_TRY_STATUS(sweep.Emit(cells));
    take(i, cells);
  }
  return Status();
}
}  // namespace weirhouse::feature
