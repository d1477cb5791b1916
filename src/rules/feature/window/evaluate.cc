#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>
#include <queue>
#include <utility>

#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/visibility.h"
#include "rules/feature/window/column_sweep.h"
#include "rules/feature/window/entity_rules.h"
#include "rules/feature/window/slot_groups.h"
#include "rules/feature/window/window_state.h"

namespace weirhouse::feature {
namespace {
// Sets the event time of a slot's answer, and the status of one without a value.
void FinishSlot(EntityRules& rules, bool has_value, const FeatureRows& rows, std::size_t newest,
                bool any, Label label, Cell* cell) {
  cell->status = has_value ? FeatureStatus::kPresent : rules.AbsentValue(newest, label);
  if (!any) return;
  cell->has_event_time = true;
  cell->event_time = rows.event_time[newest - 1];
}

// Moves one entity through time. Rows enter when the end of the windows passes their event time and
// they are known; they leave at the start of each window, or when a version hides them. For any
// rows, if `known` never decreases.
class Sweep {
 public:
  Sweep(const ViewPlan& plan, const EntityRowsView& rows)
      : plan_(plan),
        rows_(*rows.rows),
        rules_(plan, rows),
        begin_(rows.begin),
        end_(rows.end),
        entered_(rows.begin),
        newest_end_(rows.begin),
        lefts_(plan.windows_us.size(), rows.begin) {
    states_.reserve(plan.slots.size());
    for (const Slot& slot : plan.slots) states_.emplace_back(slot.kind);
  }

  void Advance(Label label);
  // The answer at the label.
  Status Answer(const PlannedOutput& output, Cell* cell);

 private:
  using Due = std::pair<std::int64_t, std::size_t>;  // (known time, row), the earliest on top
  using DueQueue = std::priority_queue<Due, std::vector<Due>, std::greater<>>;
  using RowEnd = EntityRules::RowEnd;

  bool Survives(std::size_t row) const { return StandsAt(rows_, row, label_.known); }

  void Enter(std::size_t row);
  void Put(std::size_t row);
  void Hide(std::size_t row);
  void MoveStarts();
  RowEnd ChosenAtT() const;

  const ViewPlan& plan_;
  const FeatureRows& rows_;
  EntityRules rules_;
  std::size_t begin_;
  std::size_t end_;
  Label label_{kTimeless, kTimeless};
  std::size_t entered_;              // the end of the windows has passed the rows before it
  RowEnd newest_end_;                // every survivor that entered lies before it
  std::vector<std::size_t> lefts_;   // per window: its first row
  std::vector<WindowState> states_;  // per slot
  DueQueue unknown_;                 // entered, not yet known
  DueQueue hiding_;                  // in the windows, to be hidden
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
  if (rows_.known_time[row] > label_.known) {
    unknown_.emplace(rows_.known_time[row], row);
  } else if (Survives(row)) {
    Put(row);
  }
}

void Sweep::MoveStarts() {
  for (std::size_t w = 0; w < lefts_.size(); ++w) {
    const std::int64_t low = WindowLow(plan_.view, label_.at, plan_.windows_us[w]);
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
  label_ = {label.at, KnownAt(plan_.view, label.known)};
  while (!hiding_.empty() && hiding_.top().first <= label_.known) {
    Hide(hiding_.top().second);
    hiding_.pop();
  }
  while (!unknown_.empty() && unknown_.top().first <= label_.known) {
    const std::size_t row = unknown_.top().second;
    unknown_.pop();
    if (Survives(row)) Put(row);
  }
  const std::int64_t high = WindowHigh(plan_.view, label_.at);
  for (; entered_ < end_ && rows_.event_time[entered_] <= high; ++entered_) Enter(entered_);
  MoveStarts();
  // A row at or beyond newest_end_ would have raised it when it entered; those below are checked
  // again.
  while (newest_end_ > begin_ && !Survives(newest_end_ - 1)) --newest_end_;
}

// Rows between the end of the windows and t have event time t exactly, so few rows follow.
Sweep::RowEnd Sweep::ChosenAtT() const {
  RowEnd chosen = newest_end_;
  for (std::size_t row = entered_; row < end_ && rows_.event_time[row] <= label_.at; ++row) {
    if (Survives(row)) chosen = row + 1;
  }
  return chosen;
}

Status Sweep::Answer(const PlannedOutput& output, Cell* cell) {
  *cell = Cell();
  cell->type = output.type;
  if (!output.window) {
    const bool latest = output.aggregate == Aggregate::kLatest;
    rules_.AnswerUnwindowed(output, latest ? ChosenAtT() : newest_end_, label_, cell);
    return Status();
  }
  const std::int64_t low = WindowLow(plan_.view, label_.at, plan_.windows_us[*output.window]);
  const bool any = newest_end_ > begin_ && rows_.event_time[newest_end_ - 1] >= low;
  if (!output.slot) {
    rules_.AnswerNewest(output, newest_end_, any, label_, cell);
    return Status();
  }
  WEIRHOUSE_TRY(const bool has_value, states_[*output.slot].Finish(output, cell));
  FinishSlot(rules_, has_value, rows_, newest_end_, any, label_, cell);
  return Status();
}

// One label alone: its rows from the newest back, each of them once for all windows that hold it.
class Fold {
 public:
  Fold(const ViewPlan& plan, const EntityRowsView& rows, Label label)
      : plan_(plan),
        rows_(*rows.rows),
        rules_(plan, rows),
        begin_(rows.begin),
        label_{label.at, KnownAt(plan.view, label.known)} {
    const auto first = rows_.event_time.begin();
    const auto end_of = [&](std::int64_t high) {
      return static_cast<std::size_t>(
          std::upper_bound(first + static_cast<std::ptrdiff_t>(rows.begin),
                           first + static_cast<std::ptrdiff_t>(rows.end), high) -
          first);
    };
    high_end_ = end_of(WindowHigh(plan.view, label.at));
    newest_ = LastStanding(high_end_);
    chosen_ = LastStanding(end_of(label.at));
  }

  // `outputs`: the wanted ones; none = all. A cell for each of them.
  Status Answer(std::span<const std::size_t> outputs, std::span<Cell> cells);

 private:
  std::size_t LastStanding(std::size_t end) const {
    while (end > begin_ && !StandsAt(rows_, end - 1, label_.known)) --end;
    return end;
  }

  const ViewPlan& plan_;
  const FeatureRows& rows_;
  EntityRules rules_;
  std::size_t begin_;
  Label label_;
  std::size_t high_end_ = 0;
  std::size_t newest_ = 0;  // one past the last row in the past of the windows that stands
  std::size_t chosen_ = 0;  // the same at t
};

Status Fold::Answer(std::span<const std::size_t> outputs, std::span<Cell> cells) {
  const auto output_of = [&](std::size_t i) -> const PlannedOutput& {
    return plan_.outputs[outputs.empty() ? i : outputs[i]];
  };
  std::vector<std::size_t> ends(plan_.windows_us.size() + 1, 0);  // of by_window, by window
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const PlannedOutput& output = output_of(i);
    cells[i] = Cell();
    cells[i].type = output.type;
    if (output.window) {
      ++ends[*output.window + 1];
    } else {
      const bool latest = output.aggregate == Aggregate::kLatest;
      rules_.AnswerUnwindowed(output, latest ? chosen_ : newest_, label_, &cells[i]);
    }
  }
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  std::vector<std::size_t> by_window(ends.back());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (const auto window = output_of(i).window) by_window[ends[*window]++] = i;
  }
  const SlotGroups slots = GroupSlots(plan_);
  std::vector<WindowState> states;
  states.reserve(slots.groups.size());
  for (const SlotGroup& group : slots.groups) {
    states.emplace_back(group.kind, WindowState::Use::kGrowing);
  }
  Status failure;
  std::size_t failed = cells.size();
  std::size_t row = high_end_;
  for (std::size_t w = 0; w < plan_.windows_us.size(); ++w) {
    const std::int64_t low = WindowLow(plan_.view, label_.at, plan_.windows_us[w]);
    for (; row > begin_ && rows_.event_time[row - 1] >= low; --row) {
      if (!StandsAt(rows_, row - 1, label_.known)) continue;
      for (std::size_t g = 0; g < states.size(); ++g) {
        if (w <= slots.groups[g].longest) {
          states[g].Add(rows_, slots.groups[g].expression, row - 1);
        }
      }
    }
    const bool any = newest_ > row;
    for (std::size_t at = w == 0 ? 0 : ends[w - 1]; at < ends[w]; ++at) {
      const std::size_t i = by_window[at];
      const PlannedOutput& output = output_of(i);
      if (!output.slot) {
        rules_.AnswerNewest(output, newest_, any, label_, &cells[i]);
        continue;
      }
      const WindowState& state = states[slots.of_slot[*output.slot]];
      const Result<bool> has_value = state.Finish(output, &cells[i]);
      if (has_value.ok()) {
        FinishSlot(rules_, *has_value, rows_, newest_, any, label_, &cells[i]);
        continue;
      }
      cells[i].status = FeatureStatus::kOverflow;
      if (i < failed) {
        failed = i;
        failure = has_value.status();
      }
    }
  }
  return failure;
}

// Answers by column while they are computed, to be taken as cells.
class CellColumns {
 public:
  CellColumns(const ViewPlan& plan, std::size_t labels) : plan_(plan), labels_(labels) {
    const std::size_t count = plan.outputs.size() * labels;
    bits_.resize(count);
    valid_.resize(count);
    texts_.resize(count);
    status_.resize(count);
    has_event_time_.resize(count);
    event_time_.resize(count);
  }

  std::vector<AnswerColumn> Columns() {
    std::vector<AnswerColumn> columns;
    for (std::size_t output = 0; output < plan_.outputs.size(); ++output) {
      const std::size_t at = output * labels_;
      columns.push_back({output, bits_.data() + at, valid_.data() + at, texts_.data() + at,
                         status_.data() + at, has_event_time_.data() + at,
                         event_time_.data() + at});
    }
    return columns;
  }
  void Take(std::size_t label, std::span<Cell> cells) const {
    for (std::size_t output = 0; output < cells.size(); ++output) {
      const std::size_t at = output * labels_ + label;
      cells[output] = {status_[at], plan_.outputs[output].type, bits_[at],
                       texts_[at],  has_event_time_[at] != 0,   event_time_[at]};
    }
  }

 private:
  const ViewPlan& plan_;
  std::size_t labels_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint8_t> valid_;
  std::vector<std::string_view> texts_;
  std::vector<FeatureStatus> status_;
  std::vector<std::uint8_t> has_event_time_;
  std::vector<std::int64_t> event_time_;
};
// 40 bytes each. But for fewer labels at once, the rows of long windows would be read too often.
constexpr std::size_t kCellsAtOnce = std::size_t{1} << 20;
constexpr std::size_t kLabelsLeast = 256;
constexpr std::size_t kOne = 1;

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
  WEIRHOUSE_CHECK(cells.size() == plan.outputs.size());
  return Fold(plan, rows, label).Answer({}, cells);
}

void EvaluateEach(const ViewPlan& plan, const EntityRowsView& rows, Label label,
                  std::span<Cell> cells) {
  Evaluate(plan, rows, label, cells).Ignore("each cell has its status");
}

struct ColumnEvaluation::State {
  State(const ViewPlan& view_plan, std::vector<AnswerColumn> answer_columns)
      : plan(view_plan), columns(std::move(answer_columns)), sweep(plan, columns) {}

  Status AnswerByRow(const EntityRowsView& rows, std::span<const Label> labels,
                     std::span<const std::size_t> places, std::size_t from);

  const ViewPlan& plan;
  std::vector<AnswerColumn> columns;
  ColumnSweep sweep;
};

// Labels from `from` on, where columns at once are no use.
Status ColumnEvaluation::State::AnswerByRow(const EntityRowsView& rows,
                                            std::span<const Label> labels,
                                            std::span<const std::size_t> places, std::size_t from) {
  const auto place_of = [&](std::size_t i) { return places.empty() ? i : places[i]; };
  if (!plan.view.as_of_latest && !KnownNeverFalls(labels.subspan(from))) {
    std::vector<std::size_t> outputs;
    for (const AnswerColumn& column : columns) outputs.push_back(column.output);
    std::vector<Cell> cells(outputs.size());
    for (std::size_t i = from; i < labels.size() && !outputs.empty(); ++i) {
      WEIRHOUSE_TRY_STATUS(Fold(plan, rows, labels[i]).Answer(outputs, cells));
      for (std::size_t c = 0; c < cells.size(); ++c) PutCell(columns[c], place_of(i), cells[c]);
    }
    return Status();
  }
  Sweep sweep_by_row(plan, rows);
  Cell cell;
  for (std::size_t i = from; i < labels.size(); ++i) {
    sweep_by_row.Advance(labels[i]);
    for (const AnswerColumn& column : columns) {
      WEIRHOUSE_TRY_STATUS(sweep_by_row.Answer(plan.outputs[column.output], &cell));
      PutCell(column, place_of(i), cell);
    }
  }
  return Status();
}

ColumnEvaluation::ColumnEvaluation(const ViewPlan& plan, std::vector<AnswerColumn> columns)
    : state_(std::make_unique<State>(plan, std::move(columns))) {}
ColumnEvaluation::~ColumnEvaluation() = default;
ColumnEvaluation::ColumnEvaluation(ColumnEvaluation&&) noexcept = default;

Status ColumnEvaluation::Answer(const EntityRowsView& rows, std::span<const Label> labels,
                                std::span<const std::size_t> places) {
  bool from_at = true;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    WEIRHOUSE_CHECK(i == 0 || labels[i - 1].at <= labels[i].at);
    from_at = from_at && labels[i].known >= labels[i].at;
  }
  std::size_t done = 0;
  if (state_->sweep.Begin(rows, from_at)) {
    WEIRHOUSE_TRY(done, state_->sweep.Answer(labels, places));
  }
  if (done == labels.size()) return Status();
  return state_->AnswerByRow(rows, labels, places, done);
}

Status EvaluateMany(const ViewPlan& plan, const EntityRowsView& rows, std::span<const Label> labels,
                    const std::function<void(std::size_t, std::span<const Cell>)>& take) {
  const std::size_t outputs = plan.outputs.size();
  const std::size_t at_once =
      std::min(labels.size(), std::max(kLabelsLeast, kCellsAtOnce / std::max(outputs, kOne)));
  CellColumns answers(plan, at_once);
  ColumnEvaluation evaluation(plan, answers.Columns());
  std::vector<Cell> cells(outputs);
  for (std::size_t begin = 0; begin < labels.size(); begin += at_once) {
    const auto piece = labels.subspan(begin, std::min(at_once, labels.size() - begin));
    WEIRHOUSE_TRY_STATUS(evaluation.Answer(rows, piece, {}));
    for (std::size_t i = 0; i < piece.size(); ++i) {
      answers.Take(i, cells);
      take(begin + i, cells);
    }
  }
  return Status();
}
}  // namespace weirhouse::feature
