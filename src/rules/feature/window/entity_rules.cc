#include "rules/feature/window/entity_rules.h"

#include <bit>

#include "rules/feature/kernel/visibility.h"
#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {
namespace {
// (t - ev) / 10^6, rounded once.
double SecondsBetween(std::int64_t at, std::int64_t event_time) {
  return RoundedQuotient(static_cast<WideInt>(at) - event_time, 1'000'000);
}
}  // namespace

// Whether a delete is visible at k and hid a row: it is not the first version of its key.
bool EntityRules::DeleteHidOne(std::int64_t known) {
  if (!deletes_) {
    deletes_.emplace();
    for (std::size_t row = begin_; row < end_; ++row) {
      if (rows_->deleted[row] != 0) deletes_->push_back(row);
    }
  }
  for (const std::size_t row : *deletes_) {
    if (rows_->known_time[row] > known || rows_->hidden_at[row] <= known) continue;
    for (std::size_t other = begin_; other < end_; ++other) {
      if (rows_->deleted[other] == 0 && rows_->known_time[other] <= known &&
          rows_->row_key[other] == rows_->row_key[row]) {
        return true;
      }
    }
  }
  return false;
}

FeatureStatus EntityRules::FindAbsence(std::int64_t known, std::int64_t high) {
  if (DeleteHidOne(known)) return FeatureStatus::kNotFound;
  // From the newest row: if there is a later row, the first check nearly always finds it.
  for (std::size_t row = end_; row-- > begin_;) {
    if (rows_->deleted[row] != 0) continue;
    const bool unknown = rows_->known_time[row] > known;
    const bool stands = !unknown && known < rows_->hidden_at[row];
    if (unknown || (stands && rows_->event_time[row] > high)) return FeatureStatus::kNotYetKnown;
  }
  return FeatureStatus::kNotFound;
}

FeatureStatus EntityRules::ExplainAbsence(std::int64_t known, std::int64_t high) {
  if (!absence_ || absence_known_ != known || absence_high_ != high) {
    absence_ = FindAbsence(known, high);
    absence_known_ = known;
    absence_high_ = high;
  }
  return *absence_;
}

FeatureStatus EntityRules::AbsentValue(RowEnd newest, Label label) {
  if (newest > begin_) return FeatureStatus::kNull;
  return ExplainAbsence(label.known, WindowHigh(plan_->view, label.at));
}

void EntityRules::TakeValue(const PlannedOutput& output, std::size_t row, std::int64_t at,
                            Cell* cell) const {
  cell->has_event_time = rows_->event_time[row] != kTimeless;
  cell->event_time = rows_->event_time[row];
  cell->status = FeatureStatus::kPresent;
  if (output.aggregate == Aggregate::kSecondsSinceLast) {
    cell->bits = std::bit_cast<std::uint64_t>(SecondsBetween(at, rows_->event_time[row]));
    return;
  }
  const ValueColumn& column = rows_->values[*output.expression];
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

void EntityRules::AnswerUnwindowed(const PlannedOutput& output, RowEnd chosen, Label label,
                                   Cell* cell) {
  if (chosen == begin_) {
    const bool latest = output.aggregate == Aggregate::kLatest;
    cell->status =
        ExplainAbsence(label.known, latest ? label.at : WindowHigh(plan_->view, label.at));
    return;
  }
  const std::size_t row = chosen - 1;
  const std::optional<std::int64_t>& ttl = plan_->view.ttl_us;
  if (ttl && rows_->event_time[row] < MinusTime(label.at, *ttl)) {
    cell->status = FeatureStatus::kExpired;
    cell->has_event_time = true;
    cell->event_time = rows_->event_time[row];
    return;
  }
  TakeValue(output, row, label.at, cell);
}

void EntityRules::AnswerNewest(const PlannedOutput& output, RowEnd newest, bool any, Label label,
                               Cell* cell) {
  if (any) {
    TakeValue(output, newest - 1, label.at, cell);
  } else {
    cell->status = AbsentValue(newest, label);
  }
}
}  // namespace weirhouse::feature
