#include "rules/feature/training/latest_columns.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/exact/limbs.h"
#include "ground/base/thread.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/hidden_versions.h"
#include "rules/feature/kernel/latest.h"
#include "rules/feature/value/arrow_columns.h"
#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {
namespace {
constexpr std::size_t kChunkTextBytesMax = std::size_t{1} << 30;  // offsets have 31 bits

// The rows chosen for one range of time, and the labels by the piece that their row lies in.
struct RangeChoice {
  ChosenRows rows;
  std::vector<std::uint32_t> labels;  // those with a row that an output takes, by piece
  std::vector<std::size_t> starts;    // by piece

  std::span<const std::uint32_t> Of(std::size_t piece) const {
    return std::span(labels).subspan(starts[piece], starts[piece + 1] - starts[piece]);
  }
};

// One column while threads fill it, each at the labels of its pieces.
struct FilledColumn {
  const PlannedOutput* output = nullptr;
  const RangeChoice* choice = nullptr;
  std::vector<std::uint64_t> bits;      // by spine row
  std::vector<std::uint8_t> valid;      // by spine row
  std::vector<std::string_view> texts;  // by spine row, into `kept`
  std::vector<std::shared_ptr<const std::string>> kept;
};

class LatestJoin {
 public:
  LatestJoin(const ViewPlan& plan, const FeaturePieces& pieces, const LabelOrder& labels,
             std::size_t count, int threads)
      : plan_(plan), pieces_(pieces), labels_(labels), count_(count), threads_(threads) {}

  Status Choose(const std::vector<std::size_t>& outputs);
  Status Fill();
  std::vector<std::shared_ptr<arrow::ChunkedArray>> Finish();

 private:
  static std::size_t Of(ChoiceRange range) { return range.at_included ? 1 : 0; }
  std::int64_t LeastLow(const std::vector<const PlannedOutput*>& outputs, std::int64_t at) const;
  void Index(const std::vector<const PlannedOutput*>& outputs, RangeChoice* choice) const;
  Status FillPiece(std::size_t piece);
  Status FillFrom(const arrow::Table& rows, std::size_t piece, FilledColumn* column);
  void FillAges(FilledColumn* column) const;
  bool Counts(const FilledColumn& column, std::uint32_t label) const {
    return column.choice->rows.event_time[label] >= LowOf(plan_, *column.output, labels_.at(label));
  }

  const ViewPlan& plan_;
  const FeaturePieces& pieces_;
  const LabelOrder& labels_;
  std::size_t count_;
  int threads_;
  std::array<RangeChoice, 2> choices_;  // by whether the label's time is included
  std::vector<FilledColumn> columns_;
  std::mutex kept_mutex_;
};

std::int64_t LatestJoin::LeastLow(const std::vector<const PlannedOutput*>& outputs,
                                  std::int64_t at) const {
  std::int64_t least = kNever;
  for (const PlannedOutput* output : outputs) least = std::min(least, LowOf(plan_, *output, at));
  return least;
}

// Sorts the labels by piece: each piece is read once.
void LatestJoin::Index(const std::vector<const PlannedOutput*>& outputs,
                       RangeChoice* choice) const {
  const ChosenRows& rows = choice->rows;
  choice->starts.assign(pieces_.count() + 1, 0);
  std::vector<std::uint32_t> taken;
  for (std::uint32_t label = 0; label < labels_.size(); ++label) {
    if (rows.piece[label] == kNoPiece) continue;
    if (rows.event_time[label] < LeastLow(outputs, labels_.at(label))) continue;
    taken.push_back(label);
    ++choice->starts[rows.piece[label] + 1];
  }
  std::partial_sum(choice->starts.begin(), choice->starts.end(), choice->starts.begin());
  std::vector<std::size_t> next(choice->starts.begin(), choice->starts.end() - 1);
  choice->labels.resize(taken.size());
  for (const std::uint32_t label : taken) choice->labels[next[rows.piece[label]]++] = label;
}

Status LatestJoin::Choose(const std::vector<std::size_t>& outputs) {
  WEIRHOUSE_TRY(const auto hidden, FindHidden(pieces_, threads_));
  for (const bool at_included : {false, true}) {
    std::vector<const PlannedOutput*> mine;
    for (const std::size_t i : outputs) {
      if (RangeOf(plan_, plan_.outputs[i]).at_included == at_included)
        mine.push_back(&plan_.outputs[i]);
    }
    RangeChoice& choice = choices_[Of({at_included})];
    choice.starts.assign(pieces_.count() + 1, 0);
    if (mine.empty() || labels_.size() == 0) continue;
    WEIRHOUSE_TRY(choice.rows, ChooseRows(plan_, pieces_, hidden, labels_, {at_included},
                                          LeastLow(mine, labels_.first_at()), threads_));
    Index(mine, &choice);
    choice.rows.known_time = {};
  }
  for (const std::size_t i : outputs) {
    const PlannedOutput& output = plan_.outputs[i];
    FilledColumn& column = columns_.emplace_back();
    column.output = &output;
    column.choice = &choices_[Of(RangeOf(plan_, output))];
    column.valid.assign(count_, 0);
    if (output.type == ValueType::kString) {
      column.texts.resize(count_);
    } else {
      column.bits.assign(count_, 0);
    }
  }
  return Status();
}

void LatestJoin::FillAges(FilledColumn* column) const {
  for (const std::uint32_t label : column->choice->labels) {
    if (!Counts(*column, label)) continue;
    const WideInt age =
        static_cast<WideInt>(labels_.at(label)) - column->choice->rows.event_time[label];
    column->bits[labels_.row(label)] =
        std::bit_cast<std::uint64_t>(RoundedQuotient(age, 1'000'000));
    column->valid[labels_.row(label)] = 1;
  }
}

// The values of an array that holds them as the kernel does; null for any other.
const std::uint64_t* ValuesInPlace(const arrow::ChunkedArray& column, ValueType type) {
  if (column.num_chunks() != 1) return nullptr;
  const arrow::Array& array = *column.chunk(0);
  const bool fits = (type == ValueType::kDouble && array.type_id() == arrow::Type::DOUBLE) ||
                    (type == ValueType::kInt64 && array.type_id() == arrow::Type::INT64);
  return fits ? array.data()->GetValues<std::uint64_t>(1) : nullptr;
}

Status LatestJoin::FillFrom(const arrow::Table& rows, std::size_t piece, FilledColumn* column) {
  const std::size_t expression = *column->output->expression;
  const std::string& name = plan_.expressions[expression].column;
  const ValueType type = plan_.value_types[expression];
  const std::vector<std::uint32_t>& row_of = column->choice->rows.row;
  std::vector<std::uint32_t> labels;
  for (const std::uint32_t label : column->choice->Of(piece)) {
    if (Counts(*column, label)) labels.push_back(label);
  }
  if (labels.empty()) return Status();
  WEIRHOUSE_TRY(const auto values, RequireColumn(rows, name, "the feature table"));
  if (const std::uint64_t* bits = ValuesInPlace(*values, type)) {
    const arrow::Array& array = *values->chunk(0);
    const bool any_null = array.null_count() > 0;
    for (const std::uint32_t label : labels) {
      const std::uint32_t row = row_of[label];
      if (any_null && array.IsNull(row)) continue;
      std::uint64_t value = bits[row];
      if (type == ValueType::kDouble) {
        const auto number = std::bit_cast<double>(value);
        if (number != number) value = std::bit_cast<std::uint64_t>(CanonicalNan());
      }
      column->bits[labels_.row(label)] = value;
      column->valid[labels_.row(label)] = 1;
    }
    return Status();
  }
  std::vector<std::int64_t> taken;
  taken.reserve(labels.size());
  for (const std::uint32_t label : labels) taken.push_back(row_of[label]);
  const auto one =
      arrow::Table::Make(arrow::schema({arrow::field(name, values->type())}), {values});
  WEIRHOUSE_TRY(const auto chosen, TakeRows(*one, taken));
  WEIRHOUSE_TRY(const RawColumn raw, ReadColumn(*chosen->column(0), type, name));
  auto text = std::make_shared<std::string>();
  if (type == ValueType::kString) {
    std::size_t bytes = 0;
    for (const std::string_view cell : raw.texts) bytes += cell.size();
    text->reserve(bytes);  // so that views into it stay
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (raw.valid[i] == 0) continue;
    const std::uint32_t row = labels_.row(labels[i]);
    column->valid[row] = 1;
    if (type == ValueType::kString) {
      const std::size_t begin = text->size();
      *text += raw.texts[i];
      column->texts[row] = std::string_view(*text).substr(begin);
    } else if (type == ValueType::kDecimal) {
      const WideInt digits = DecimalDigits(raw.texts[i]);
      column->bits[row] =
          std::bit_cast<std::uint64_t>(RoundedDecimal(digits, plan_.scales[expression]));
    } else {
      column->bits[row] = raw.bits[i];
    }
  }
  if (!text->empty()) {
    const std::lock_guard lock(kept_mutex_);
    column->kept.push_back(std::move(text));
  }
  return Status();
}

Status LatestJoin::FillPiece(std::size_t piece) {
  std::vector<std::string> names;
  std::vector<FilledColumn*> filled;
  for (FilledColumn& column : columns_) {
    if (column.output->aggregate == Aggregate::kSecondsSinceLast) continue;
    if (column.choice->Of(piece).empty()) continue;
    filled.push_back(&column);
    const std::string& name = plan_.expressions[*column.output->expression].column;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (filled.empty()) return Status();
  WEIRHOUSE_TRY(const auto rows, pieces_.Read(piece, names));
  for (FilledColumn* column : filled) WEIRHOUSE_TRY_STATUS(FillFrom(*rows, piece, column));
  return Status();
}

Status LatestJoin::Fill() {
  for (FilledColumn& column : columns_) {
    if (column.output->aggregate == Aggregate::kSecondsSinceLast) FillAges(&column);
  }
  return ForEachInParallel(pieces_.count(), static_cast<std::size_t>(std::max(threads_, 1)),
                           [&](std::size_t piece) { return FillPiece(piece); });
}

struct Validity {
  std::shared_ptr<arrow::Buffer> bitmap;  // null if all are valid
  std::int64_t nulls = 0;
};

Validity ValidityOf(std::span<const std::uint8_t> valid) {
  Validity validity;
  validity.nulls = std::count(valid.begin(), valid.end(), 0);
  if (validity.nulls == 0) return validity;
  std::vector<std::uint8_t> bitmap((valid.size() + 7) / 8, 0);
  for (std::size_t i = 0; i < valid.size(); ++i)
    bitmap[i / 8] = static_cast<std::uint8_t>(bitmap[i / 8] | (valid[i] & 1U) << (i % 8));
  validity.bitmap = arrow::Buffer::FromVector(std::move(bitmap));
  return validity;
}

// As many chunks as their offsets need; one, nearly always.
std::shared_ptr<arrow::ChunkedArray> TextColumn(const std::vector<std::string_view>& texts,
                                                const std::vector<std::uint8_t>& valid) {
  arrow::ArrayVector chunks;
  for (std::size_t first = 0, last = 0; first < texts.size() || chunks.empty(); first = last) {
    std::size_t bytes = 0;
    for (last = first; last < texts.size(); ++last) {
      if (last > first && bytes + texts[last].size() > kChunkTextBytesMax) break;
      bytes += texts[last].size();
    }
    std::vector<std::int32_t> ends{0};
    ends.reserve(last - first + 1);
    std::string data;
    data.reserve(bytes);
    for (std::size_t i = first; i < last; ++i) {
      data += texts[i];
      ends.push_back(static_cast<std::int32_t>(data.size()));
    }
    const Validity validity = ValidityOf(std::span(valid).subspan(first, last - first));
    chunks.push_back(std::make_shared<arrow::StringArray>(
        static_cast<std::int64_t>(last - first), arrow::Buffer::FromVector(std::move(ends)),
        arrow::Buffer::FromString(std::move(data)), validity.bitmap, validity.nulls));
  }
  return std::make_shared<arrow::ChunkedArray>(std::move(chunks));
}

std::vector<std::shared_ptr<arrow::ChunkedArray>> LatestJoin::Finish() {
  std::vector<std::shared_ptr<arrow::ChunkedArray>> arrays;
  for (FilledColumn& column : columns_) {
    const ValueType type = column.output->type;
    if (type == ValueType::kString) {
      arrays.push_back(TextColumn(column.texts, column.valid));
    } else if (type == ValueType::kBool) {
      arrays.push_back(
          std::make_shared<arrow::ChunkedArray>(BuildArray(type, column.bits, {}, column.valid)));
    } else {
      const Validity validity = ValidityOf(column.valid);
      arrays.push_back(
          std::make_shared<arrow::ChunkedArray>(arrow::MakeArray(arrow::ArrayData::Make(
              ArrowTypeOf(type), static_cast<std::int64_t>(count_),
              {validity.bitmap, arrow::Buffer::FromVector(std::move(column.bits))},
              validity.nulls))));
    }
    column = FilledColumn();
  }
  return arrays;
}
}  // namespace

Result<std::vector<std::shared_ptr<arrow::ChunkedArray>>> LatestColumns(
    const ViewPlan& plan, const FeaturePieces& pieces, const LabelOrder& labels,
    const std::vector<std::size_t>& outputs, std::size_t count, int threads) {
  WEIRHOUSE_CHECK(ChoosesRows(plan.view, outputs));
  LatestJoin join(plan, pieces, labels, count, threads);
  WEIRHOUSE_TRY_STATUS(join.Choose(outputs));
  WEIRHOUSE_TRY_STATUS(join.Fill());
  return join.Finish();
}
}  // namespace weirhouse::feature
