#include "rules/feature/value/arrow_columns.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>
#include <fmt/format.h>

#include <bit>
#include <concepts>
#include <optional>

#include "ground/base/exact/exact_sum.h"
#include "ground/base/exact/limbs.h"
#include "ground/platform/columnar/typed_array.h"
#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {
namespace {
Status Unusable(std::string_view what, const arrow::DataType& type) {
  return Status(Code::kInvalidInput,
                fmt::format("{} has a type that cannot be used here: {}", what, type.ToString()))
      .WithError("WH4015")
      .WithHint("cast it in the SQL; times need a zone (timestamptz)");
}

template <typename Array>
void AppendAll(const Array& array, IntColumn* out) {
  for (std::int64_t i = 0; i < array.length(); ++i) {
    const bool valid = array.IsValid(i);
    out->valid.push_back(valid ? 1 : 0);
    out->values.push_back(valid ? static_cast<std::int64_t>(array.Value(i)) : 0);
  }
}

Status AppendTimes(const arrow::TimestampArray& chunk, std::string_view what, IntColumn* out) {
  const auto& type = static_cast<const arrow::TimestampType&>(*chunk.type());
  if (type.timezone().empty()) return Unusable(what, type);
  const std::size_t first = out->values.size();
  AppendAll(chunk, out);
  const std::int64_t factor = platform::MicrosPerUnit(type);
  if (factor == 1) return Status();
  for (std::size_t i = first; i < out->values.size(); ++i) {
    std::int64_t& value = out->values[i];
    if (factor == 0) {
      if (value % 1000 != 0) {
        return Status(Code::kInvalidInput,
                      fmt::format("{} holds a time below a microsecond: {} ns", what, value))
            .WithError("WH4015")
            .WithHint("times are microseconds: round it in the SQL, on purpose");
      }
      value /= 1000;
    } else if (__builtin_mul_overflow(value, factor, &value)) {
      return Unusable(what, type);
    }
  }
  return Status();
}

Status AppendIntegers(const arrow::Array& chunk, std::string_view what, IntColumn* out) {
  if (chunk.type_id() == arrow::Type::TIMESTAMP)
    return AppendTimes(static_cast<const arrow::TimestampArray&>(chunk), what, out);
  const bool usable = platform::VisitTyped(
      chunk, [&]<typename Array>(const Array& array)
        requires(platform::IntegerArray<Array> || std::same_as<Array, arrow::BooleanArray>)
      { AppendAll(array, out); });
  return usable ? Status() : Unusable(what, *chunk.type());
}

std::uint64_t NumberBits(double value) {
  return std::bit_cast<std::uint64_t>(value != value ? CanonicalNan() : value);
}

template <typename Array>
void AppendNumbers(const Array& array, RawColumn* out) {
  for (std::int64_t i = 0; i < array.length(); ++i) {
    const bool valid = array.IsValid(i);
    out->valid.push_back(valid ? 1 : 0);
    out->bits.push_back(valid ? NumberBits(static_cast<double>(array.Value(i))) : 0);
  }
}

std::string_view DecimalBytes(const arrow::Decimal128Array& array, std::int64_t row) {
  return {reinterpret_cast<const char*>(array.GetValue(row)), sizeof(WideInt)};
}

void AppendDecimals(const arrow::Decimal128Array& array, RawColumn* out) {
  for (std::int64_t i = 0; i < array.length(); ++i) {
    out->valid.push_back(array.IsValid(i) ? 1 : 0);
    out->texts.push_back(array.IsValid(i) ? DecimalBytes(array, i) : std::string_view());
  }
}

void AppendDecimalsAsNumbers(const arrow::Decimal128Array& array, RawColumn* out) {
  const int scale = static_cast<const arrow::DecimalType&>(*array.type()).scale();
  for (std::int64_t i = 0; i < array.length(); ++i) {
    const bool valid = array.IsValid(i);
    out->valid.push_back(valid ? 1 : 0);
    out->bits.push_back(
        valid ? NumberBits(RoundedDecimal(DecimalDigits(DecimalBytes(array, i)), scale)) : 0);
  }
}

template <typename Array>
void AppendViews(const Array& array, std::vector<std::string_view>* out) {
  for (std::int64_t i = 0; i < array.length(); ++i) {
    out->push_back(array.IsValid(i) ? std::string_view(array.GetView(i)) : std::string_view());
  }
}

// What may be read as a number: the integers of features' own answers and of DuckDB's.
template <typename Array>
concept NumberArray =
    platform::RealArray<Array> || platform::OneOf<Array, arrow::Int32Array, arrow::Int64Array>;

bool AppendDoubles(const arrow::Array& chunk, RawColumn* out) {
  return platform::VisitTyped(
      chunk, [&]<typename Array>(const Array& array)
        requires(NumberArray<Array> || std::same_as<Array, arrow::Decimal128Array>)
      {
        if constexpr (NumberArray<Array>) {
          AppendNumbers(array, out);
        } else {
          AppendDecimalsAsNumbers(array, out);
        }
      });
}

bool AppendTexts(const arrow::Array& chunk, RawColumn* out) {
  return platform::VisitTyped(chunk, [&]<typename Array>(const Array& array)
                                requires platform::TextArray<Array>
                              {
                                AppendViews(array, &out->texts);
                                for (std::int64_t i = 0; i < array.length(); ++i)
                                  out->valid.push_back(array.IsValid(i) ? 1 : 0);
                              });
}

Status AppendColumn(const arrow::Array& chunk, ValueType type, std::string_view what,
                    RawColumn* out) {
  if (type == ValueType::kDouble)
    return AppendDoubles(chunk, out) ? Status() : Unusable(what, *chunk.type());
  if (type == ValueType::kString)
    return AppendTexts(chunk, out) ? Status() : Unusable(what, *chunk.type());
  using platform::Family;
  const std::optional<Family> family = platform::FamilyOf(*chunk.type());
  if (type == ValueType::kDecimal) {
    if (family != Family::kDecimal) return Unusable(what, *chunk.type());
    AppendDecimals(static_cast<const arrow::Decimal128Array&>(chunk), out);
    return Status();
  }
  const bool fits = (type == ValueType::kBool && family == Family::kBoolean) ||
                    (type == ValueType::kInt64 && family == Family::kInteger) ||
                    (type == ValueType::kTimestamp && family == Family::kTimestamp);
  if (!fits) return Unusable(what, *chunk.type());
  IntColumn integers;
  WEIRHOUSE_TRY_STATUS(AppendIntegers(chunk, what, &integers));
  for (const std::int64_t value : integers.values) {
    out->bits.push_back(static_cast<std::uint64_t>(value));
  }
  out->valid.insert(out->valid.end(), integers.valid.begin(), integers.valid.end());
  return Status();
}

std::shared_ptr<arrow::Buffer> Bitmap(const std::vector<std::uint8_t>& bytes, std::int64_t* nulls) {
  std::vector<std::uint8_t> bitmap((bytes.size() + 7) / 8, 0);
  *nulls = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != 0) {
      bitmap[i / 8] = static_cast<std::uint8_t>(bitmap[i / 8] | (1U << (i % 8)));
    } else {
      ++*nulls;
    }
  }
  return arrow::Buffer::FromVector(std::move(bitmap));
}
}  // namespace

Result<std::shared_ptr<arrow::ChunkedArray>> RequireColumn(const arrow::Table& table,
                                                           const std::string& name,
                                                           std::string_view what) {
  std::shared_ptr<arrow::ChunkedArray> column = table.GetColumnByName(name);
  if (column != nullptr) return column;
  return Status(Code::kInvalidInput, fmt::format("{} lacks the column \"{}\"", what, name))
      .WithError("WH4015");
}

Result<IntColumn> ReadIntegers(const arrow::ChunkedArray& column, std::string_view what) {
  IntColumn out;
  out.values.reserve(static_cast<std::size_t>(column.length()));
  out.valid.reserve(static_cast<std::size_t>(column.length()));
  for (const auto& chunk : column.chunks()) {
    WEIRHOUSE_TRY_STATUS(AppendIntegers(*chunk, what, &out));
  }
  return out;
}

Result<RawColumn> ReadColumn(const arrow::ChunkedArray& column, ValueType type,
                             std::string_view what) {
  RawColumn out;
  out.valid.reserve(static_cast<std::size_t>(column.length()));
  for (const auto& chunk : column.chunks()) {
    WEIRHOUSE_TRY_STATUS(AppendColumn(*chunk, type, what, &out));
  }
  return out;
}

Result<std::vector<std::string_view>> ReadBytes(const arrow::ChunkedArray& column,
                                                std::string_view what) {
  std::vector<std::string_view> out;
  out.reserve(static_cast<std::size_t>(column.length()));
  for (const auto& chunk : column.chunks()) {
    const bool usable = platform::VisitTyped(
        *chunk, [&]<typename Array>(const Array& array)
          requires(platform::BytesArray<Array> || std::same_as<Array, arrow::StringArray>)
        { AppendViews(array, &out); });
    if (!usable) return Unusable(what, *chunk->type());
  }
  return out;
}

Result<Value> ReadCell(const arrow::ChunkedArray& column, std::int64_t row) {
  const std::optional<ValueType> type = ValueTypeOf(*column.type());
  if (!type) return Unusable("a column", *column.type());
  const std::shared_ptr<arrow::ChunkedArray> cell = column.Slice(row, 1);
  WEIRHOUSE_TRY(const RawColumn raw, ReadColumn(*cell, *type, "a column"));
  if (raw.valid[0] == 0) return Value();
  switch (*type) {
    case ValueType::kBool:
      return Value(raw.bits[0] != 0);
    case ValueType::kInt64:
      return Value(static_cast<std::int64_t>(raw.bits[0]));
    case ValueType::kDouble:
      return Value(std::bit_cast<double>(raw.bits[0]));
    case ValueType::kString:
      return Value(std::string(raw.texts[0]));
    case ValueType::kDecimal:
    case ValueType::kTimestamp:
      break;
  }
  return Value(Timestamp{static_cast<std::int64_t>(raw.bits[0])});
}

Result<std::shared_ptr<arrow::Table>> TakeRows(const arrow::Table& table,
                                               const std::vector<std::int64_t>& order) {
  const auto failed = [](const arrow::Status& status) {
    return Status(Code::kInternal, "could not reorder rows: " + status.ToString());
  };
  static const arrow::Status initialized = arrow::compute::Initialize();
  if (!initialized.ok()) return failed(initialized);
  auto combined = table.CombineChunks();
  if (!combined.ok()) return failed(combined.status());
  std::vector<std::int64_t> copy = order;
  const auto indices = std::make_shared<arrow::Int64Array>(
      static_cast<std::int64_t>(order.size()), arrow::Buffer::FromVector(std::move(copy)));
  auto taken = arrow::compute::Take(arrow::Datum(*combined), arrow::Datum(indices));
  if (!taken.ok()) return failed(taken.status());
  return taken->table();
}

std::shared_ptr<arrow::Array> BuildArray(ValueType type, const std::vector<std::uint64_t>& bits,
                                         const std::vector<std::string>& texts,
                                         const std::vector<std::uint8_t>& valid, int scale) {
  std::int64_t nulls = 0;
  std::shared_ptr<arrow::Buffer> validity = Bitmap(valid, &nulls);
  if (nulls == 0) validity = nullptr;
  const auto length = static_cast<std::int64_t>(valid.size());
  if (type == ValueType::kString) {
    std::vector<std::int32_t> ends{0};
    std::string data;
    for (std::size_t i = 0; i < valid.size(); ++i) {
      if (valid[i] != 0) data += texts[i];
      ends.push_back(static_cast<std::int32_t>(data.size()));
    }
    return std::make_shared<arrow::StringArray>(length, arrow::Buffer::FromVector(std::move(ends)),
                                                arrow::Buffer::FromString(std::move(data)),
                                                validity, nulls);
  }
  if (type == ValueType::kDecimal) {
    std::string data;
    for (std::size_t i = 0; i < valid.size(); ++i) {
      data += valid[i] != 0 ? texts[i] : std::string(sizeof(WideInt), '\0');
    }
    return std::make_shared<arrow::Decimal128Array>(ArrowTypeOf(type, scale), length,
                                                    arrow::Buffer::FromString(std::move(data)),
                                                    validity, nulls);
  }
  if (type == ValueType::kBool) {
    std::vector<std::uint8_t> flags(bits.begin(), bits.end());
    std::int64_t unused = 0;
    return std::make_shared<arrow::BooleanArray>(length, Bitmap(flags, &unused), validity, nulls);
  }
  std::vector<std::uint64_t> copy = bits;
  auto data = arrow::ArrayData::Make(ArrowTypeOf(type), length,
                                     {validity, arrow::Buffer::FromVector(std::move(copy))}, nulls);
  return arrow::MakeArray(data);
}

Result<std::shared_ptr<arrow::Array>> ArrayOf(ValueType type, const Value& value) {
  std::uint64_t bits = 0;
  std::string text;
  bool fits = true;
  if (const auto* flag = std::get_if<bool>(&value)) {
    bits = *flag ? 1 : 0;
    fits = type == ValueType::kBool;
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    fits = type == ValueType::kInt64 || type == ValueType::kDouble;
    bits = type == ValueType::kDouble ? NumberBits(static_cast<double>(*number))
                                      : static_cast<std::uint64_t>(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    fits = type == ValueType::kDouble;
    bits = NumberBits(*real);
  } else if (const auto* string = std::get_if<std::string>(&value)) {
    fits = type == ValueType::kString;
    text = *string;
  } else if (const auto* time = std::get_if<Timestamp>(&value)) {
    fits = type == ValueType::kTimestamp;
    bits = static_cast<std::uint64_t>(time->us);
  }
  if (!fits) {
    return Status(Code::kInvalidInput,
                  fmt::format("not a {}: \"{}\"", TypeName(type), ToText(value)))
        .WithError("WH4013");
  }
  return BuildArray(type, {bits}, {text}, {static_cast<std::uint8_t>(IsNull(value) ? 0 : 1)});
}
}  // namespace weirhouse::feature
