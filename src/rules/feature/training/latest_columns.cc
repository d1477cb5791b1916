#include "rules/feature/training/latest_columns.h"

#include <arrow/api.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/exact/limbs.h"
#include "ground/base/thread.h"
#include "rules/feature/join/hidden_versions.h"
#include "rules/feature/join/latest.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/value/arrow_columns.h"
#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {
namespace {
constexpr std::size_t kChunkTextBytesMax = std::size_t{1} << 30;  // offsets have 31 bits

// One row that is taken: from where, and for which row of the spine.
struct Pick {
  std::uint32_t row = 0;  // of its piece
  std::uint32_t to = 0;   // of the spine
};

// Outputs that take the same rows for each label.
struct Selection {
  const PlannedOutput* like = nullptr;  // one of them
  std::vector<std::size_t> outputs;     // places among the columns asked for
  std::vector<Pick> picks;              // by piece, then by spine row
  std::vector<std::size_t> starts;      // by piece, into `picks`
  std::vector<std::uint8_t> picked;     // by spine row

  std::span<const Pick> Of(std::size_t piece) const {
    return std::span(picks).subspan(starts[piece], starts[piece + 1] - starts[piece]);
  }
};

// One column while threads fill it, each at the rows of its pieces.
struct FilledColumn {
  const PlannedOutput* output = nullptr;
  const Selection* selection = nullptr;
  std::shared_ptr<arrow::Buffer> buffer;  // 64 bits for each spine row
  std::uint64_t* bits = nullptr;          // into it
  std::vector<std::uint8_t> null;         // by spine row: picked, and NULL; empty: none is
  std::vector<std::string_view> texts;    // by spine row, into `kept`
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
  Selection& SelectionFor(const PlannedOutput& output);
  // Whether the row that was chosen for a label is within what `output` looks back to.
  bool Counts(const ChosenRow& row, std::size_t label, const PlannedOutput& output) const;
  void Index(const std::vector<ChosenRow>& rows, Selection* selection) const;
  Status Begin(FilledColumn* column) const;
  Status FillPiece(std::size_t piece);
  Status FillFrom(const arrow::Table& rows, std::size_t piece, FilledColumn* column);
  std::uint8_t* NullsOf(FilledColumn* column);
  void FillAges(const FilledColumn& column, const std::vector<ChosenRow>& rows) const;

  const ViewPlan& plan_;
  const FeaturePieces& pieces_;
  const LabelOrder& labels_;
  std::size_t count_;
  int threads_;
  std::deque<Selection> selections_;
  std::vector<FilledColumn> columns_;
  std::mutex mutex_;  // guards `kept`, and the making of `null`
};

Selection& LatestJoin::SelectionFor(const PlannedOutput& output) {
  const ChoiceRange range = RangeOf(plan_, output);
  for (Selection& selection : selections_) {
    const ChoiceRange other = RangeOf(plan_, *selection.like);
    if (other.at_included == range.at_included && other.look_back_us == range.look_back_us &&
        selection.like->window.has_value() == output.window.has_value()) {
      return selection;
    }
  }
  selections_.emplace_back().like = &output;
  return selections_.back();
}

bool LatestJoin::Counts(const ChosenRow& row, std::size_t label,
                        const PlannedOutput& output) const {
  return row.piece != kNoPiece && row.event_time >= LowOf(plan_, output, labels_.at(label));
}

// Sorts what is taken by piece, so that each piece is read once, and then by spine row, so that it is
// written in order.
void LatestJoin::Index(const std::vector<ChosenRow>& rows, Selection* selection) const {
  struct Place {
    std::uint32_t piece = kNoPiece;
    std::uint32_t row = 0;
  };
  std::vector<Place> places(count_);  // by spine row: labels lie in another order
  selection->starts.assign(pieces_.count() + 1, 0);
  for (std::size_t label = 0; label < rows.size(); ++label) {
    const ChosenRow& row = rows[label];
    if (!Counts(row, label, *selection->like)) continue;
    ++selection->starts[row.piece + 1];
    places[labels_.row(label)] = {row.piece, row.row};
  }
  std::partial_sum(selection->starts.begin(), selection->starts.end(), selection->starts.begin());
  std::vector<std::size_t> next(selection->starts.begin(), selection->starts.end() - 1);
  selection->picks.resize(selection->starts.back());
  selection->picked.assign(count_, 0);
  for (std::uint32_t to = 0; to < count_; ++to) {
    const Place& place = places[to];
    if (place.piece == kNoPiece) continue;
    selection->picked[to] = 1;
    selection->picks[next[place.piece]++] = {place.row, to};
  }
}

Status LatestJoin::Choose(const std::vector<std::size_t>& outputs) {
  WEIRHOUSE_TRY(const auto hidden, FindHidden(pieces_, threads_));
  columns_.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    columns_[i].output = &plan_.outputs[outputs[i]];
    Selection& selection = SelectionFor(*columns_[i].output);
    selection.outputs.push_back(i);
    columns_[i].selection = &selection;
  }
  for (Selection& selection : selections_) {
    WEIRHOUSE_TRY(const auto rows, ChooseRows(plan_, pieces_, hidden, labels_,
                                              RangeOf(plan_, *selection.like), threads_));
    Index(rows, &selection);
    for (const std::size_t i : selection.outputs) {
      WEIRHOUSE_TRY_STATUS(Begin(&columns_[i]));
      if (columns_[i].output->aggregate == Aggregate::kSecondsSinceLast)
        FillAges(columns_[i], rows);
    }
  }
  return Status();
}

Status LatestJoin::Begin(FilledColumn* column) const {
  if (column->output->type == ValueType::kString) {
    column->texts.resize(count_);
    return Status();
  }
  const auto bytes = static_cast<std::int64_t>(count_ * sizeof(std::uint64_t));
  auto buffer = arrow::AllocateBuffer(bytes);
  if (!buffer.ok()) return Status(Code::kUnavailable, buffer.status().ToString());
  column->bits = reinterpret_cast<std::uint64_t*>((*buffer)->mutable_data());
  column->buffer = *std::move(buffer);
  std::fill_n(column->bits, count_, 0);
  return Status();
}

// Where a thread notes NULLs, each at rows of its own.
std::uint8_t* LatestJoin::NullsOf(FilledColumn* column) {
  const std::lock_guard lock(mutex_);
  if (column->null.empty()) column->null.assign(count_, 0);
  return column->null.data();
}

void LatestJoin::FillAges(const FilledColumn& column, const std::vector<ChosenRow>& rows) const {
  for (std::size_t label = 0; label < rows.size(); ++label) {
    if (!Counts(rows[label], label, *column.output)) continue;
    const WideInt age = static_cast<WideInt>(labels_.at(label)) - rows[label].event_time;
    column.bits[labels_.row(label)] = std::bit_cast<std::uint64_t>(RoundedQuotient(age, 1'000'000));
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

std::uint64_t OneNan(std::uint64_t bits) {
  const auto number = std::bit_cast<double>(bits);
  return number != number ? std::bit_cast<std::uint64_t>(CanonicalNan()) : bits;
}

Status LatestJoin::FillFrom(const arrow::Table& rows, std::size_t piece, FilledColumn* column) {
  const std::size_t expression = *column->output->expression;
  const std::string& name = plan_.expressions[expression].column;
  const ValueType type = plan_.value_types[expression];
  const std::span<const Pick> picks = column->selection->Of(piece);
  WEIRHOUSE_TRY(const auto values, RequireColumn(rows, name, "the feature table"));
  if (const std::uint64_t* bits = ValuesInPlace(*values, type)) {
    const arrow::Array& array = *values->chunk(0);
    std::uint8_t* const nulls = array.null_count() > 0 ? NullsOf(column) : nullptr;
    for (const Pick& pick : picks) {
      if (nulls != nullptr && array.IsNull(pick.row)) {
        nulls[pick.to] = 1;
      } else {
        column->bits[pick.to] =
            type == ValueType::kDouble ? OneNan(bits[pick.row]) : bits[pick.row];
      }
    }
    return Status();
  }
  std::vector<std::int64_t> taken;
  taken.reserve(picks.size());
  for (const Pick& pick : picks) taken.push_back(pick.row);
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
  std::uint8_t* nulls = nullptr;
  for (std::size_t i = 0; i < picks.size(); ++i) {
    const std::uint32_t to = picks[i].to;
    if (raw.valid[i] == 0) {
      if (nulls == nullptr) nulls = NullsOf(column);
      nulls[to] = 1;
    } else if (type == ValueType::kString) {
      const std::size_t begin = text->size();
      *text += raw.texts[i];
      column->texts[to] = std::string_view(*text).substr(begin);
    } else if (type == ValueType::kDecimal) {
      const WideInt digits = DecimalDigits(raw.texts[i]);
      column->bits[to] =
          std::bit_cast<std::uint64_t>(RoundedDecimal(digits, plan_.scales[expression]));
    } else {
      column->bits[to] = raw.bits[i];
    }
  }
  if (!text->empty()) {
    const std::lock_guard lock(mutex_);
    column->kept.push_back(std::move(text));
  }
  return Status();
}

Status LatestJoin::FillPiece(std::size_t piece) {
  std::vector<std::string> names;
  std::vector<FilledColumn*> filled;
  for (FilledColumn& column : columns_) {
    if (column.output->aggregate == Aggregate::kSecondsSinceLast) continue;
    if (column.selection->Of(piece).empty()) continue;
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
  std::map<const Selection*, Validity> of_picked;  // shared by columns without NULLs
  for (FilledColumn& column : columns_) {
    const std::vector<std::uint8_t>& picked = column.selection->picked;
    std::vector<std::uint8_t> valid;
    const bool any_null = !column.null.empty();
    const bool by_bytes =
        column.output->type == ValueType::kString || column.output->type == ValueType::kBool;
    if (any_null || by_bytes) valid = picked;
    for (std::size_t row = 0; any_null && row < count_; ++row)
      valid[row] = static_cast<std::uint8_t>(valid[row] & ~column.null[row]);
    const ValueType type = column.output->type;
    if (type == ValueType::kString) {
      arrays.push_back(TextColumn(column.texts, valid));
    } else if (type == ValueType::kBool) {
      arrays.push_back(std::make_shared<arrow::ChunkedArray>(
          BuildArray(type, {column.bits, column.bits + count_}, {}, valid)));
    } else {
      Validity validity;
      if (any_null) {
        validity = ValidityOf(valid);
      } else if (const auto known = of_picked.find(column.selection); known != of_picked.end()) {
        validity = known->second;
      } else {
        validity = of_picked[column.selection] = ValidityOf(picked);
      }
      arrays.push_back(std::make_shared<arrow::ChunkedArray>(arrow::MakeArray(
          arrow::ArrayData::Make(ArrowTypeOf(type), static_cast<std::int64_t>(count_),
                                 {validity.bitmap, column.buffer}, validity.nulls))));
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
