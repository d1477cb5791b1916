// The passes over the columns of one expression: counts, sums, extremes.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string_view>

#include "rules/feature/kernel/answer.h"
#include "rules/feature/value/fixed_point.h"
#include "rules/feature/window/column_sweep.h"
#include "rules/feature/window/window_state.h"

namespace weirhouse::feature {
namespace {
template <typename T>
constexpr T GreatestOf() {
  return static_cast<T>(~(T{1} << (8 * sizeof(T) - 1)));
}

// Bits that a decimal needs without its sign.
int SizeBits(WideInt digits) {
  const WideInt size = digits < 0 ? ~digits : digits;
  const auto high = static_cast<std::uint64_t>(size >> 64);
  return high != 0 ? 64 + static_cast<int>(std::bit_width(high))
                   : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(size)));
}
constexpr int kDecimalSumBits = 126;
}  // namespace

// Calls act(row) for each exception that stands at a label, from row `from` on.
template <typename Act>
void ColumnSweep::ForStanding(std::size_t label, std::size_t from, const Act& act) const {
  if (standing_.empty()) return;
  for (std::size_t i = standing_ends_[label]; i-- > (label == 0 ? 0 : standing_ends_[label - 1]);) {
    if (standing_[i] < from) return;
    act(static_cast<std::size_t>(standing_[i]));
  }
}

// Writes a column: compute(label, begin, end, cell) sets the value of the plain rows [begin, end)
// and of the exceptions from `begin` on; false: there is none.
template <typename Compute>
void ColumnSweep::Emit(const AnswerColumn& column, const Compute& compute) {
  const PlannedOutput& output = plan_.outputs[column.output];
  const std::vector<std::uint32_t>& begins = begins_[*output.window];
  const bool everything =
      column.status != nullptr || column.has_event_time != nullptr || column.texts != nullptr;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const std::size_t begin = begins[i];
    Cell cell;
    const bool has = compute(i, begin, std::max<std::size_t>(begin, ends_[i]), &cell);
    const std::size_t place = places_.empty() ? first_label_ + i : places_[first_label_ + i];
    if (!everything) {
      column.bits[place] = has ? cell.bits : 0;
      column.valid[place] = has ? 1 : 0;
      continue;
    }
    const std::size_t newest = first_row_ + newest_[i];
    cell.status = has ? FeatureStatus::kPresent : rules_->AbsentValue(newest, labels_[i]);
    if (newest_[i] > begin) {
      cell.has_event_time = true;
      cell.event_time = rows_->event_time[newest - 1];
    }
    PutCell(column, place, cell);
  }
}

// Of several sums that do not fit, the one that row by row would meet first.
void ColumnSweep::FailAt(std::size_t label, std::size_t output, Status status) {
  if (failure_ && std::pair(failed_label_, failed_output_) <= std::pair(label, output)) return;
  failure_ = std::move(status);
  failed_label_ = label;
  failed_output_ = output;
}

Status ColumnSweep::RunJob(const Job& job) {
  CountRows(job.group);
  bool done = true;
  switch (job.group.kind) {
    case Slot::Kind::kRows:
    case Slot::Kind::kNotNull:
      AnswerCounts(job);
      break;
    case Slot::Kind::kIntegers:
      AddIntegers(job);
      break;
    case Slot::Kind::kNumbers:
      done = AddNumbers(job);
      break;
    case Slot::Kind::kDecimals:
      done = AddDecimals(job);
      break;
    case Slot::Kind::kOrdered:
      AnswerOrderedJob(job);
      break;
  }
  if (!done) AnswerMoved(job);
  return Status();
}

void ColumnSweep::CountRows(const SlotGroup& group) {
  const std::size_t count = top_ - base_;
  const std::uint8_t* valid = nullptr;
  if (group.kind != Slot::Kind::kRows) {
    valid = rows_->values[group.expression].valid.data() + first_row_ + base_;
    if (count == 0 || std::memchr(valid, 0, count) == nullptr) valid = nullptr;
  }
  counted_ = valid != nullptr || !marks_.empty();
  if (!counted_) return;
  counts_.resize(count + 1);
  counts_[0] = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bool counts = plain(base_ + i) && (valid == nullptr || valid[i] != 0);
    counts_[i + 1] = counts_[i] + (counts ? 1 : 0);
  }
}

void ColumnSweep::AnswerCounts(const Job& job) {
  const bool all = job.group.kind == Slot::Kind::kRows;
  const std::uint8_t* const valid =
      all ? nullptr : rows_->values[job.group.expression].valid.data() + first_row_;
  for (const std::size_t c : job.columns) {
    Emit(columns_[c], [&](std::size_t i, std::size_t begin, std::size_t end, Cell* cell) {
      std::uint64_t count = counted_ ? counts_[end - base_] - counts_[begin - base_] : end - begin;
      ForStanding(i, begin, [&](std::size_t row) { count += all || valid[row] != 0 ? 1 : 0; });
      cell->bits = count;
      return true;
    });
  }
}

template <typename ValueOf>
void ColumnSweep::AddUp(const ValueColumn& values, const ValueOf& value_of) {
  const std::size_t count = top_ - base_;
  const std::uint8_t* const valid = values.valid.data() + first_row_ + base_;
  sums_.resize(count + 1);
  WideInt sum = 0;
  sums_[0] = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!counted_ || (valid[i] != 0 && plain(base_ + i))) {
      // Wraps around where all rows together are too many: differences are right all the same.
      __extension__ typedef unsigned __int128 Wrapping;
      sum = static_cast<WideInt>(static_cast<Wrapping>(sum) +
                                 static_cast<Wrapping>(value_of(base_ + i)));
    }
    sums_[i + 1] = sum;
  }
}

// bits_of(output, label, sum, count) gives the bits of a value, or nothing if it failed.
template <typename ValueOf, typename BitsOf>
void ColumnSweep::AnswerSums(const Job& job, const ValueOf& value_of, const BitsOf& bits_of) {
  const ValueColumn& values = rows_->values[job.group.expression];
  AddUp(values, value_of);
  for (const std::size_t c : job.columns) {
    const std::size_t output = columns_[c].output;
    Emit(columns_[c], [&](std::size_t i, std::size_t begin, std::size_t end, Cell* cell) {
      std::int64_t count = static_cast<std::int64_t>(
          counted_ ? counts_[end - base_] - counts_[begin - base_] : end - begin);
      WideInt sum = sums_[end - base_] - sums_[begin - base_];
      ForStanding(i, begin, [&](std::size_t row) {
        if (values.valid[first_row_ + row] == 0) return;
        ++count;
        sum += value_of(row);
      });
      if (count == 0) return false;
      cell->bits = bits_of(output, i, sum, count);
      return true;
    });
  }
}

void ColumnSweep::AddIntegers(const Job& job) {
  const std::uint64_t* const bits = rows_->values[job.group.expression].bits.data() + first_row_;
  AnswerSums(
      job,
      [&](std::size_t row) { return static_cast<WideInt>(static_cast<std::int64_t>(bits[row])); },
      [&](std::size_t output, std::size_t label, WideInt sum, std::int64_t count) {
        if (plan_.outputs[output].aggregate == Aggregate::kMean) {
          return std::bit_cast<std::uint64_t>(RoundedQuotient(sum, count));
        }
        const auto narrow = static_cast<std::int64_t>(sum);
        if (narrow != sum)
          FailAt(label, output, SumTooLarge(plan_.outputs[output].column.qualified));
        return static_cast<std::uint64_t>(narrow);
      });
}

bool ColumnSweep::AddNumbers(const Job& job) {
  const ValueColumn& values = rows_->values[job.group.expression];
  FixedPoint fixed;
  for (std::size_t row = first_row_ + base_; row < first_row_ + top_; ++row) {
    if (values.valid[row] != 0) fixed.Widen(values.bits[row]);
  }
  if (!fixed.Fits(top_ - base_)) return false;
  const std::uint64_t* const bits = values.bits.data() + first_row_;
  AnswerSums(
      job, [&](std::size_t row) { return fixed.Of(bits[row]); },
      [&](std::size_t output, std::size_t, WideInt sum, std::int64_t count) {
        return std::bit_cast<std::uint64_t>(plan_.outputs[output].aggregate == Aggregate::kMean
                                                ? fixed.Mean(sum, count)
                                                : fixed.Round(sum));
      });
  return true;
}

bool ColumnSweep::AddDecimals(const Job& job) {
  const ValueColumn& values = rows_->values[job.group.expression];
  int bits = 0;
  for (std::size_t row = first_row_ + base_; row < first_row_ + top_; ++row) {
    if (values.valid[row] != 0) bits = std::max(bits, SizeBits(DecimalDigits(values.texts[row])));
  }
  if (bits + static_cast<int>(std::bit_width(top_ - base_)) > kDecimalSumBits) return false;
  AnswerSums(
      job, [&](std::size_t row) { return DecimalDigits(values.texts[first_row_ + row]); },
      [&](std::size_t output, std::size_t, WideInt sum, std::int64_t count) {
        DecimalSum digits;
        digits.Add(sum, 1);
        const bool mean = plan_.outputs[output].aggregate == Aggregate::kMean;
        return std::bit_cast<std::uint64_t>(digits.Mean(mean ? count : 1, values.scale));
      });
  return true;
}

template <typename T, typename KeyOf, typename BitsOf>
void ColumnSweep::AnswerOrdered(const Job& job, const KeyOf& key_of, const BitsOf& bits_of) {
  const std::uint8_t* const valid = rows_->values[job.group.expression].valid.data() + first_row_;
  const auto answer = [&]<bool kGreatest>(RangeExtreme<T, kGreatest>* extremes,
                                          std::vector<T>* keys) {
    const T neutral = kGreatest ? static_cast<T>(~GreatestOf<T>()) : GreatestOf<T>();
    const Aggregate wanted = kGreatest ? Aggregate::kMax : Aggregate::kMin;
    const auto is_wanted = [&](std::size_t c) {
      return plan_.outputs[columns_[c].output].aggregate == wanted;
    };
    if (std::none_of(job.columns.begin(), job.columns.end(), is_wanted)) return;
    keys->resize(top_ - base_);
    for (std::size_t row = base_; row < top_; ++row) {
      const bool counts = !counted_ || (valid[row] != 0 && plain(row));
      (*keys)[row - base_] = counts ? key_of(row) : neutral;
    }
    extremes->Build(*keys);
    for (const std::size_t c : job.columns) {
      if (!is_wanted(c)) continue;
      Emit(columns_[c], [&](std::size_t i, std::size_t begin, std::size_t end, Cell* cell) {
        bool any = counted_ ? counts_[end - base_] != counts_[begin - base_] : begin < end;
        T best = any ? extremes->Of(begin - base_, end - base_) : neutral;
        ForStanding(i, begin, [&](std::size_t row) {
          if (valid[row] == 0) return;
          any = true;
          best = RangeExtreme<T, kGreatest>::Better(best, key_of(row));
        });
        if (any) cell->bits = bits_of(best);
        return any;
      });
    }
  };
  if constexpr (sizeof(T) == sizeof(std::int64_t)) {
    answer(&least_, &keys_);
    answer(&greatest_, &keys_);
  } else {
    answer(&wide_least_, &wide_keys_);
    answer(&wide_greatest_, &wide_keys_);
  }
}

void ColumnSweep::AnswerOrderedJob(const Job& job) {
  const ValueColumn& values = rows_->values[job.group.expression];
  const std::uint64_t* const bits = values.bits.data() + first_row_;
  if (values.type == ValueType::kString) {
    AnswerMoved(job);
  } else if (values.type == ValueType::kDecimal) {
    AnswerOrdered<WideInt>(
        job, [&](std::size_t row) { return DecimalDigits(values.texts[first_row_ + row]); },
        [&](WideInt digits) {
          return std::bit_cast<std::uint64_t>(RoundedDecimal(digits, values.scale));
        });
  } else if (values.type == ValueType::kDouble) {
    AnswerOrdered<std::int64_t>(
        job, [&](std::size_t row) { return SortableNumber(bits[row]); },
        [](std::int64_t key) {
          return static_cast<std::uint64_t>(SortableNumber(static_cast<std::uint64_t>(key)));
        });
  } else {
    AnswerOrdered<std::int64_t>(
        job, [&](std::size_t row) { return static_cast<std::int64_t>(bits[row]); },
        [](std::int64_t key) { return static_cast<std::uint64_t>(key); });
  }
}

// For values without running sums and keys: a state moves with the window, in either direction.
void ColumnSweep::AnswerMoved(const Job& job) {
  for (const std::size_t c : job.columns) {
    const PlannedOutput& output = plan_.outputs[columns_[c].output];
    WindowState state(job.group.kind);
    std::size_t from = begins_[*output.window].front();
    std::size_t to = from;
    const auto add = [&](std::size_t row) {
      if (plain(row)) state.Add(*rows_, job.group.expression, first_row_ + row);
    };
    const auto remove = [&](std::size_t row) {
      if (plain(row)) state.Remove(*rows_, job.group.expression, first_row_ + row);
    };
    Emit(columns_[c], [&](std::size_t i, std::size_t begin, std::size_t end, Cell* cell) {
      while (to < end) add(to++);
      while (to > end) remove(--to);
      while (from < begin) remove(from++);
      cell->type = output.type;
      ForStanding(i, begin, [&](std::size_t row) {
        state.Add(*rows_, job.group.expression, first_row_ + row);
      });
      const Result<bool> has = state.Finish(output, cell);
      ForStanding(i, begin, [&](std::size_t row) {
        state.Remove(*rows_, job.group.expression, first_row_ + row);
      });
      if (!has.ok()) FailAt(i, columns_[c].output, has.status());
      return has.ok() && *has;
    });
  }
}
}  // namespace weirhouse::feature
