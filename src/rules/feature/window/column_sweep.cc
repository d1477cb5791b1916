#include "rules/feature/window/column_sweep.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "rules/feature/kernel/visibility.h"

namespace weirhouse::feature {
namespace {
// An entity with more exceptions than this and a share of its rows is not for this sweep.
constexpr std::size_t kFewExceptions = 64;
constexpr std::size_t kExceptionShare = 8;

// The first of [from, end) of ascending `values` that is greater than `bound`, given that none
// before `from` is. Near `from` it is found in few steps.
std::size_t FirstGreater(const std::int64_t* values, std::size_t from, std::size_t end,
                         std::int64_t bound) {
  std::size_t step = 1;
  std::size_t low = from;
  while (low < end && values[low] <= bound) {
    from = low + 1;
    low += step;
    step *= 2;
  }
  return static_cast<std::size_t>(
      std::upper_bound(values + from, values + std::min(low, end), bound) - values);
}
// The first that is not less than `bound`.
std::size_t FirstFrom(const std::int64_t* values, std::size_t from, std::size_t end,
                      std::int64_t bound) {
  if (bound == std::numeric_limits<std::int64_t>::min()) return from;
  return FirstGreater(values, from, end, bound - 1);
}
}  // namespace

void PutCell(const AnswerColumn& column, std::size_t place, const Cell& cell) {
  const bool present = cell.status == FeatureStatus::kPresent;
  column.bits[place] = present ? cell.bits : 0;
  column.valid[place] = present ? 1 : 0;
  if (column.status != nullptr) column.status[place] = cell.status;
  if (column.texts != nullptr) column.texts[place] = present ? cell.text : std::string_view();
  if (column.has_event_time == nullptr) return;
  column.has_event_time[place] = cell.has_event_time ? 1 : 0;
  column.event_time[place] = cell.has_event_time ? cell.event_time : 0;
}

ColumnSweep::ColumnSweep(const ViewPlan& plan, std::vector<AnswerColumn> columns,
                         std::size_t rows_max)
    : plan_(plan), columns_(std::move(columns)), rows_max_(rows_max) {
  const SlotGroups slots = GroupSlots(plan);
  const std::size_t none = columns_.size();
  std::vector<std::size_t> job_of(slots.groups.size(), none);
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const PlannedOutput& output = plan.outputs[columns_[c].output];
    if (!output.slot) {
      any_unslotted_ = true;
      continue;
    }
    const std::size_t group = slots.of_slot[*output.slot];
    if (job_of[group] == none) {
      job_of[group] = jobs_.size();
      jobs_.push_back({slots.groups[group], {}});
    }
    jobs_[job_of[group]].columns.push_back(c);
  }
  begins_.resize(plan.windows_us.size());
}

// From when on a row can count, as far as labels can tell: none sees it before its event time.
std::int64_t ColumnSweep::KnownFrom(std::size_t row) const {
  const std::int64_t known = rows_->known_time[first_row_ + row];
  return known_from_at_ ? std::max(known, rows_->event_time[first_row_ + row]) : known;
}

bool ColumnSweep::Begin(const EntityRowsView& rows, bool known_from_at) {
  rows_ = rows.rows;
  rules_.emplace(plan_, rows);
  first_row_ = rows.begin;
  row_count_ = rows.end - rows.begin;
  known_from_at_ = known_from_at;
  marks_.clear();
  exceptions_.clear();
  plain_ends_.clear();
  known_order_.clear();
  prefix_ = high_ = at_end_ = 0;
  cursors_.assign(plan_.windows_us.size(), 0);
  if (row_count_ > std::numeric_limits<std::uint32_t>::max() / 2) return false;
  bool hidden = false;
  bool late = !known_from_at;
  for (std::size_t row = rows.begin; row < rows.end; ++row) {
    hidden |= rows_->hidden_at[row] != kNever;
    hidden |= rows_->deleted[row] != 0;
    late |= rows_->known_time[row] > rows_->event_time[row];
  }
  late_ = late && !plan_.view.as_of_latest;
  if (!hidden && !late_) return true;
  FindKnownOrder();
  return exceptions_.size() <= kFewExceptions + row_count_ / kExceptionShare;
}

void ColumnSweep::FindKnownOrder() {
  marks_.assign(row_count_, 0);
  bool any = false;
  std::int64_t next = kNever;  // when the plain row that follows is known
  for (std::size_t row = row_count_; row-- > 0;) {
    if (rows_->deleted[first_row_ + row] != 0) {
      marks_[row] = 1;
      any = true;
      continue;
    }
    const std::int64_t known = late_ ? KnownFrom(row) : kTimeless;
    if (rows_->hidden_at[first_row_ + row] == kNever && known <= next) {
      next = known;
      continue;
    }
    marks_[row] = 1;
    any = true;
    exceptions_.push_back(static_cast<std::uint32_t>(row));
  }
  std::reverse(exceptions_.begin(), exceptions_.end());
  if (late_) {
    known_order_.resize(row_count_);
    std::int64_t last = kTimeless;
    for (std::size_t row = 0; row < row_count_; ++row) {
      if (marks_[row] == 0) last = KnownFrom(row);
      known_order_[row] = last;
    }
  }
  if (!any) {
    marks_.clear();
    return;
  }
  plain_ends_.resize(row_count_ + 1);
  plain_ends_[0] = 0;
  for (std::size_t row = 0; row < row_count_; ++row) {
    plain_ends_[row + 1] =
        marks_[row] == 0 ? static_cast<std::uint32_t>(row + 1) : plain_ends_[row];
  }
}

// One past the last plain row before `end` that is known.
std::size_t ColumnSweep::VisiblePrefix(std::size_t end, std::int64_t known) {
  if (!late_) return end;
  if (prefix_ > 0 && known_order_[prefix_ - 1] > known) prefix_ = 0;
  prefix_ = FirstGreater(known_order_.data(), prefix_, row_count_, known);
  return std::min(end, prefix_);
}

// One past the greatest row before `end` that stands, where the plain ones are a prefix; 0: none.
std::size_t ColumnSweep::NewestBefore(std::size_t end, std::size_t prefix,
                                      std::int64_t known) const {
  if (marks_.empty()) return prefix;
  const std::size_t newest = plain_ends_[prefix];
  auto exception = std::lower_bound(exceptions_.begin(), exceptions_.end(), end);
  while (exception != exceptions_.begin() && *--exception >= newest) {
    if (StandsAt(*rows_, first_row_ + *exception, known)) return *exception + 1;
  }
  return newest;
}

void ColumnSweep::FindStanding(std::size_t longest_begin, std::size_t high, std::int64_t known) {
  for (auto exception = std::lower_bound(exceptions_.begin(), exceptions_.end(), longest_begin);
       exception != exceptions_.end() && *exception < high; ++exception) {
    if (StandsAt(*rows_, first_row_ + *exception, known)) standing_.push_back(*exception);
  }
  standing_ends_.push_back(static_cast<std::uint32_t>(standing_.size()));
}

std::size_t ColumnSweep::FindWindows(std::span<const Label> labels) {
  const std::int64_t* const events = rows_->event_time.data() + first_row_;
  labels_.clear();
  ends_.clear();
  newest_.clear();
  chosen_.clear();
  standing_.clear();
  standing_ends_.clear();
  for (auto& begins : begins_) begins.clear();
  for (const Label& label : labels.first(std::min(labels.size(), kLabelsAtOnceMax))) {
    const Label asked{label.at, KnownAt(plan_.view, label.known)};
    high_ = FirstGreater(events, high_, row_count_, WindowHigh(plan_.view, asked.at));
    for (std::size_t w = 0; w < cursors_.size(); ++w) {
      const std::int64_t low = WindowLow(plan_.view, asked.at, plan_.windows_us[w]);
      cursors_[w] = std::min(FirstFrom(events, cursors_[w], row_count_, low), high_);
    }
    const std::size_t longest = cursors_.empty() ? high_ : cursors_.back();
    if (labels_.empty()) base_ = longest;
    if (high_ - base_ > rows_max_) break;
    top_ = high_;
    for (std::size_t w = 0; w < cursors_.size(); ++w) {
      begins_[w].push_back(static_cast<std::uint32_t>(cursors_[w]));
    }
    const std::size_t end = VisiblePrefix(high_, asked.known);
    ends_.push_back(static_cast<std::uint32_t>(end));
    newest_.push_back(static_cast<std::uint32_t>(NewestBefore(high_, end, asked.known)));
    if (any_unslotted_) {
      at_end_ = FirstGreater(events, at_end_, row_count_, asked.at);
      chosen_.push_back(static_cast<std::uint32_t>(
          NewestBefore(at_end_, VisiblePrefix(at_end_, asked.known), asked.known)));
    }
    if (!exceptions_.empty()) FindStanding(longest, high_, asked.known);
    labels_.push_back(asked);
  }
  return labels_.size();
}

Result<std::size_t> ColumnSweep::Answer(std::span<const Label> labels,
                                        std::span<const std::size_t> places) {
  std::size_t done = 0;
  while (done < labels.size()) {
    const std::size_t taken = FindWindows(labels.subspan(done));
    if (taken == 0) break;
    first_label_ = done;
    WEIRHOUSE_TRY_STATUS(AnswerPiece(places));
    done += taken;
  }
  return done;
}

Status ColumnSweep::AnswerPiece(std::span<const std::size_t> places) {
  places_ = places;
  failure_.reset();
  for (const Job& job : jobs_) WEIRHOUSE_TRY_STATUS(RunJob(job));
  if (failure_) return *failure_;
  if (!any_unslotted_) return Status();
  for (const AnswerColumn& column : columns_) {
    const PlannedOutput& output = plan_.outputs[column.output];
    if (!output.slot) AnswerByRow(column, output);
  }
  return Status();
}

void ColumnSweep::AnswerByRow(const AnswerColumn& column, const PlannedOutput& output) {
  const bool latest = output.aggregate == Aggregate::kLatest;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    Cell cell;
    cell.type = output.type;
    const std::size_t newest = latest ? chosen_[i] : newest_[i];
    if (output.window) {
      const bool any = newest > begins_[*output.window][i];
      rules_->AnswerNewest(output, first_row_ + newest, any, labels_[i], &cell);
    } else {
      rules_->AnswerUnwindowed(output, first_row_ + newest, labels_[i], &cell);
    }
    PutCell(column, places_.empty() ? first_label_ + i : places_[first_label_ + i], cell);
  }
}
}  // namespace weirhouse::feature
