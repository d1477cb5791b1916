#include "rules/contract/decode/parquet_cell.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>
#include <arrow/util/time.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "ground/base/digest.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/json_record.h"

namespace weirhouse::contract {
namespace {
constexpr std::int64_t kMicrosOfDay = 86'400'000'000;
// The years 0001 to 9999, which RFC 3339 can write.
const std::int64_t kFirstDay = DaysFromCivil(1, 1, 1);
const std::int64_t kEndDay = DaysFromCivil(10'000, 1, 1);

bool IsDay(std::int64_t day) { return day >= kFirstDay && day < kEndDay; }
bool IsTime(std::int64_t micros) {
  return micros >= kFirstDay * kMicrosOfDay && micros < kEndDay * kMicrosOfDay;
}

template <typename Array>
const Array& As(const arrow::Array& column) {
  return static_cast<const Array&>(column);
}

std::int64_t UnitsPerSecond(arrow::TimeUnit::type unit) {
  return arrow::util::GetTimestampConversion(arrow::TimeUnit::SECOND, unit).second;
}

// False if it is no whole number of microseconds, or none that 64 bits hold.
bool ToMicros(std::int64_t value, arrow::TimeUnit::type unit, std::int64_t* micros) {
  const std::int64_t per_second = UnitsPerSecond(unit);
  if (per_second <= 1'000'000)
    return !__builtin_mul_overflow(value, 1'000'000 / per_second, micros);
  *micros = value / 1'000;
  return value % 1'000 == 0;
}

std::string DayText(std::int64_t day) {
  if (!IsDay(day)) return fmt::format("{} days after 1970-01-01", day);
  return FormatDate(day * kMicrosOfDay);
}

std::string TimeText(std::int64_t value, arrow::TimeUnit::type unit) {
  std::int64_t micros = 0;
  if (ToMicros(value, unit, &micros) && IsTime(micros)) return FormatTime(micros);
  const std::int64_t per_second = UnitsPerSecond(unit);
  std::int64_t seconds = value / per_second;
  std::int64_t rest = value % per_second;
  if (rest < 0) {
    rest += per_second;
    --seconds;
  }
  if (seconds < kFirstDay * 86'400 || seconds >= kEndDay * 86'400)
    return fmt::format("{} × 1/{} s after 1970-01-01", value, per_second);
  std::string text = FormatTime(seconds * 1'000'000);
  text.pop_back();  // Z
  return fmt::format("{}.{:09}Z", text, rest * (1'000'000'000 / per_second));
}

std::string NumberText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", number);
}

template <typename Array>
std::string IntegerText(const arrow::Array& column, std::int64_t row) {
  return std::to_string(As<Array>(column).Value(row));
}

// False: it is no integer.
bool IntegerCell(const arrow::Array& column, std::int64_t row, std::string* out) {
  using arrow::Type;
  switch (column.type_id()) {
    case Type::INT8:
      *out = IntegerText<arrow::Int8Array>(column, row);
      return true;
    case Type::INT16:
      *out = IntegerText<arrow::Int16Array>(column, row);
      return true;
    case Type::INT32:
      *out = IntegerText<arrow::Int32Array>(column, row);
      return true;
    case Type::INT64:
      *out = IntegerText<arrow::Int64Array>(column, row);
      return true;
    case Type::UINT8:
      *out = IntegerText<arrow::UInt8Array>(column, row);
      return true;
    case Type::UINT16:
      *out = IntegerText<arrow::UInt16Array>(column, row);
      return true;
    case Type::UINT32:
      *out = IntegerText<arrow::UInt32Array>(column, row);
      return true;
    case Type::UINT64:
      *out = IntegerText<arrow::UInt64Array>(column, row);
      return true;
    default:
      return false;
  }
}

double RealOfCell(const arrow::Array& column, std::int64_t row) {
  switch (column.type_id()) {
    case arrow::Type::HALF_FLOAT:
      return arrow::util::Float16::FromBits(As<arrow::HalfFloatArray>(column).Value(row))
          .ToDouble();
    case arrow::Type::FLOAT:
      return static_cast<double>(As<arrow::FloatArray>(column).Value(row));
    default:
      return As<arrow::DoubleArray>(column).Value(row);
  }
}

// What JSON has without quotes. False: the type is none of these.
bool BareCell(const arrow::Array& column, std::int64_t row, bool* quoted, std::string* out) {
  using arrow::Type;
  if (IntegerCell(column, row, out)) return true;
  switch (column.type_id()) {
    case Type::BOOL:
      *out = As<arrow::BooleanArray>(column).Value(row) ? "true" : "false";
      return true;
    case Type::HALF_FLOAT:
    case Type::FLOAT:
    case Type::DOUBLE: {
      const double number = RealOfCell(column, row);
      *out = NumberText(number);
      *quoted = !std::isfinite(number);
      return true;
    }
    case Type::DECIMAL128:
      *out = As<arrow::Decimal128Array>(column).FormatValue(row);
      return true;
    case Type::DECIMAL256:
      *out = As<arrow::Decimal256Array>(column).FormatValue(row);
      return true;
    default:
      return false;
  }
}

// False: the type has no text of its own.
bool ScalarText(const arrow::Array& column, std::int64_t row, bool* quoted, std::string* out) {
  using arrow::Type;
  *quoted = false;
  if (BareCell(column, row, quoted, out)) return true;
  switch (column.type_id()) {
    case Type::DATE32:
      *out = DayText(As<arrow::Date32Array>(column).Value(row));
      break;
    case Type::DATE64: {
      const std::int64_t millis = As<arrow::Date64Array>(column).Value(row);
      *out = millis % 86'400'000 == 0 ? DayText(millis / 86'400'000)
                                      : TimeText(millis, arrow::TimeUnit::MILLI);
      break;
    }
    case Type::TIMESTAMP:
      *out = TimeText(As<arrow::TimestampArray>(column).Value(row),
                      static_cast<const arrow::TimestampType&>(*column.type()).unit());
      break;
    case Type::STRING:
      *out = As<arrow::StringArray>(column).GetView(row);
      break;
    case Type::LARGE_STRING:
      *out = As<arrow::LargeStringArray>(column).GetView(row);
      break;
    case Type::BINARY:
      *out = As<arrow::BinaryArray>(column).GetView(row);
      break;
    case Type::LARGE_BINARY:
      *out = As<arrow::LargeBinaryArray>(column).GetView(row);
      break;
    case Type::FIXED_SIZE_BINARY:
      *out = As<arrow::FixedSizeBinaryArray>(column).GetView(row);
      break;
    default:
      return false;
  }
  *quoted = true;
  return true;
}

void AppendJson(const arrow::Array& column, std::int64_t row, int depth, std::string* out);

void AppendList(const arrow::Array& items, std::int64_t begin, std::int64_t end, int depth,
                std::string* out) {
  out->push_back('[');
  for (std::int64_t i = begin; i < end; ++i) {
    if (i > begin) out->push_back(',');
    AppendJson(items, i, depth, out);
  }
  out->push_back(']');
}

void AppendStruct(const arrow::StructArray& column, std::int64_t row, int depth, std::string* out) {
  out->push_back('{');
  for (int i = 0; i < column.num_fields(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonText(column.struct_type()->field(i)->name(), out);
    out->push_back(':');
    AppendJson(*column.field(i), row, depth, out);
  }
  out->push_back('}');
}

// A map is a list of pairs, because its keys may be of any type and occur twice.
void AppendMap(const arrow::MapArray& column, std::int64_t row, int depth, std::string* out) {
  out->push_back('[');
  const std::int64_t begin = column.value_offset(row);
  for (std::int64_t i = begin; i < begin + column.value_length(row); ++i) {
    if (i > begin) out->push_back(',');
    out->push_back('[');
    AppendJson(*column.keys(), i, depth, out);
    out->push_back(',');
    AppendJson(*column.items(), i, depth, out);
    out->push_back(']');
  }
  out->push_back(']');
}

void AppendJson(const arrow::Array& column, std::int64_t row, int depth, std::string* out) {
  using arrow::Type;
  if (column.IsNull(row)) {
    *out += "null";
    return;
  }
  bool quoted = false;
  std::string text;
  if (ScalarText(column, row, &quoted, &text)) {
    if (!quoted) {
      *out += text;
    } else if (IsValidUtf8(text)) {
      AppendJsonText(text, out);
    } else {  // an object, so that no text has the same JSON
      *out += fmt::format("{{\"hex\":\"{}\"}}", ToHex(text));
    }
    return;
  }
  if (depth >= kJsonDepthMax) {
    *out += "\"…\"";
    return;
  }
  switch (column.type_id()) {
    case Type::DICTIONARY: {
      const auto& dictionary = As<arrow::DictionaryArray>(column);
      AppendJson(*dictionary.dictionary(), dictionary.GetValueIndex(row), depth + 1, out);
      return;
    }
    case Type::LIST: {
      const auto& list = As<arrow::ListArray>(column);
      const std::int64_t begin = list.value_offset(row);
      AppendList(*list.values(), begin, begin + list.value_length(row), depth + 1, out);
      return;
    }
    case Type::LARGE_LIST: {
      const auto& list = As<arrow::LargeListArray>(column);
      const std::int64_t begin = list.value_offset(row);
      AppendList(*list.values(), begin, begin + list.value_length(row), depth + 1, out);
      return;
    }
    case Type::FIXED_SIZE_LIST: {
      const auto& list = As<arrow::FixedSizeListArray>(column);
      const std::int64_t begin = list.value_offset(row);
      AppendList(*list.values(), begin, begin + list.value_length(row), depth + 1, out);
      return;
    }
    case Type::MAP:
      AppendMap(As<arrow::MapArray>(column), row, depth + 1, out);
      return;
    case Type::STRUCT:
      AppendStruct(As<arrow::StructArray>(column), row, depth + 1, out);
      return;
    default:
      break;
  }
  const auto scalar = column.GetScalar(row);
  AppendJsonText(scalar.ok() ? (*scalar)->ToString() : "", out);
}

bool IsText(arrow::Type::type id) {
  return id == arrow::Type::STRING || id == arrow::Type::LARGE_STRING ||
         id == arrow::Type::BINARY || id == arrow::Type::LARGE_BINARY ||
         id == arrow::Type::FIXED_SIZE_BINARY;
}
bool IsDecimal(arrow::Type::type id) {
  return id == arrow::Type::DECIMAL128 || id == arrow::Type::DECIMAL256;
}
bool IsReal(arrow::Type::type id) { return id == arrow::Type::FLOAT || id == arrow::Type::DOUBLE; }

CellReading IntegerReading(arrow::Type::type id) {
  switch (id) {
    case arrow::Type::INT8:
      return CellReading::kInt8;
    case arrow::Type::INT16:
      return CellReading::kInt16;
    case arrow::Type::INT32:
      return CellReading::kInt32;
    case arrow::Type::INT64:
      return CellReading::kInt64;
    case arrow::Type::UINT8:
      return CellReading::kUInt8;
    case arrow::Type::UINT16:
      return CellReading::kUInt16;
    case arrow::Type::UINT32:
      return CellReading::kUInt32;
    case arrow::Type::UINT64:
      return CellReading::kUInt64;
    default:
      return CellReading::kNeverFits;
  }
}

Parsed TakeInteger(std::int64_t value, Slot* slot) {
  slot->integer = value;
  slot->number = static_cast<double>(value);
  return Parsed::kOk;
}

// An integer's JSON is a number that every numeric field can be asked about.
Parsed TakeDouble(double number, Slot* slot) {
  slot->number = number;
  if (std::isfinite(number)) return Parsed::kOk;
  return std::isnan(number) ? Parsed::kWrongType : Parsed::kOutOfRange;
}

// A float of an integer field, which is how pandas writes integers beside nulls.
Parsed TakeWhole(double number, Slot* slot) {
  if (std::isnan(number) || std::trunc(number) != number) return Parsed::kWrongType;
  if (number < -0x1p63 || number >= 0x1p63) return Parsed::kOutOfRange;
  return TakeInteger(static_cast<std::int64_t>(number), slot);
}

// A decimal of an integer field: its zeros after the point are left out.
Parsed TakeWholeText(std::string text, std::string* scratch, Slot* slot) {
  *scratch = std::move(text);
  Int128 value = 0;
  switch (ScaleDecimal(*scratch, 0, &value)) {
    case DecimalFit::kExact:
      break;
    case DecimalFit::kTooLarge:
      return Parsed::kOutOfRange;
    default:
      return Parsed::kWrongType;
  }
  constexpr Int128 kMax = std::numeric_limits<std::int64_t>::max();
  if (value > kMax || value < -kMax - 1) return Parsed::kOutOfRange;
  return TakeInteger(static_cast<std::int64_t>(value), slot);
}

std::string_view TextOf(const arrow::Array& column, std::int64_t row) {
  switch (column.type_id()) {
    case arrow::Type::STRING:
      return As<arrow::StringArray>(column).GetView(row);
    case arrow::Type::LARGE_STRING:
      return As<arrow::LargeStringArray>(column).GetView(row);
    case arrow::Type::BINARY:
      return As<arrow::BinaryArray>(column).GetView(row);
    case arrow::Type::FIXED_SIZE_BINARY:
      return As<arrow::FixedSizeBinaryArray>(column).GetView(row);
    default:
      return As<arrow::LargeBinaryArray>(column).GetView(row);
  }
}
}  // namespace

void AppendCellJson(const arrow::Array& column, std::int64_t row, std::string* out) {
  AppendJson(column, row, 0, out);
}

std::string CellText(const arrow::Array& column, std::int64_t row) {
  bool quoted = false;
  std::string text;
  if (column.IsValid(row) && ScalarText(column, row, &quoted, &text)) return text;
  AppendCellJson(column, row, &text);
  return text;
}

CellReading ReadingOf(const FieldRules& field, const arrow::DataType& type) {
  const arrow::Type::type id = type.id();
  const CellReading integer = IntegerReading(id);
  switch (field.type) {
    case LogicalType::kString:
      return IsText(id) ? CellReading::kText : CellReading::kNeverFits;
    case LogicalType::kBoolean:
      return id == arrow::Type::BOOL ? CellReading::kBool : CellReading::kNeverFits;
    case LogicalType::kDate:
      if (id == arrow::Type::DATE32) return CellReading::kDate32;
      return IsText(id) || id == arrow::Type::DATE64 ? CellReading::kByText
                                                     : CellReading::kNeverFits;
    case LogicalType::kTimestamp:
      if (id == arrow::Type::TIMESTAMP) return CellReading::kTime;
      return IsText(id) ? CellReading::kByText : CellReading::kNeverFits;
    case LogicalType::kInteger:
      if (integer != CellReading::kNeverFits) return integer;
      if (IsReal(id)) return CellReading::kWholeReal;
      return IsDecimal(id) ? CellReading::kWholeDecimal : CellReading::kNeverFits;
    case LogicalType::kNumber:
      break;
  }
  if (field.decimal) {
    const bool same =
        id == arrow::Type::DECIMAL128 &&
        static_cast<const arrow::Decimal128Type&>(type).scale() == field.decimal->scale;
    if (same) return CellReading::kDecimal;
    return IsDecimal(id) || IsReal(id) || integer != CellReading::kNeverFits
               ? CellReading::kByText
               : CellReading::kNeverFits;
  }
  if (integer != CellReading::kNeverFits) return integer;
  if (IsReal(id)) return CellReading::kReal;
  return IsDecimal(id) ? CellReading::kByText : CellReading::kNeverFits;
}

Parsed ReadCell(const FieldRules& field, CellReading reading, const arrow::Array& column,
                std::int64_t row, std::string* scratch, Slot* slot) {
  switch (reading) {
    case CellReading::kText:
      slot->text = TextOf(column, row);
      return Parsed::kOk;
    case CellReading::kInt8:
      return TakeInteger(As<arrow::Int8Array>(column).Value(row), slot);
    case CellReading::kInt16:
      return TakeInteger(As<arrow::Int16Array>(column).Value(row), slot);
    case CellReading::kInt32:
      return TakeInteger(As<arrow::Int32Array>(column).Value(row), slot);
    case CellReading::kInt64:
      return TakeInteger(As<arrow::Int64Array>(column).Value(row), slot);
    case CellReading::kUInt8:
      return TakeInteger(As<arrow::UInt8Array>(column).Value(row), slot);
    case CellReading::kUInt16:
      return TakeInteger(As<arrow::UInt16Array>(column).Value(row), slot);
    case CellReading::kUInt32:
      return TakeInteger(As<arrow::UInt32Array>(column).Value(row), slot);
    case CellReading::kUInt64: {
      const std::uint64_t value = As<arrow::UInt64Array>(column).Value(row);
      if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return TakeInteger(static_cast<std::int64_t>(value), slot);
      slot->number = static_cast<double>(value);
      return field.type == LogicalType::kInteger ? Parsed::kOutOfRange : Parsed::kOk;
    }
    case CellReading::kReal:
      return TakeDouble(RealOfCell(column, row), slot);
    case CellReading::kWholeReal:
      return TakeWhole(RealOfCell(column, row), slot);
    case CellReading::kWholeDecimal:
      return TakeWholeText(CellText(column, row), scratch, slot);
    case CellReading::kBool:
      slot->integer = As<arrow::BooleanArray>(column).Value(row) ? 1 : 0;
      return Parsed::kOk;
    case CellReading::kDate32:
      slot->integer = As<arrow::Date32Array>(column).Value(row);
      return IsDay(slot->integer) ? Parsed::kOk : Parsed::kOutOfRange;
    case CellReading::kTime: {
      const auto unit = static_cast<const arrow::TimestampType&>(*column.type()).unit();
      if (!ToMicros(As<arrow::TimestampArray>(column).Value(row), unit, &slot->integer))
        return Parsed::kWrongType;
      return IsTime(slot->integer) ? Parsed::kOk : Parsed::kOutOfRange;
    }
    case CellReading::kDecimal: {
      const arrow::Decimal128 value(As<arrow::Decimal128Array>(column).GetValue(row));
      slot->decimal =
          (static_cast<Int128>(value.high_bits()) << 64) | static_cast<Int128>(value.low_bits());
      return HoldsDecimal(*field.decimal, slot->decimal) ? Parsed::kOk : Parsed::kOutOfRange;
    }
    case CellReading::kByText:
      *scratch = CellText(column, row);
      return ParseFieldValue(field, *scratch, slot);
    case CellReading::kNeverFits:
      break;
  }
  return Parsed::kWrongType;
}
}  // namespace weirhouse::contract
