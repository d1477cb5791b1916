#include "work/answers/rows_json.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "ground/base/digest.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "work/answers/json_line.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

template <typename ArrayType>
auto ValueOf(const arrow::Array& column, std::int64_t row) {
  return static_cast<const ArrayType&>(column).Value(row);
}

json FloatAsJson(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

json HexAsJson(std::string_view bytes) { return "0x" + ToHex(bytes); }

json TextAsJson(std::string_view text) { return IsValidUtf8(text) ? json(text) : HexAsJson(text); }

// Bytes that spell a text are shown as that, unless it would read like other bytes.
json BytesAsJson(std::string_view bytes) {
  return bytes.starts_with("0x") ? HexAsJson(bytes) : TextAsJson(bytes);
}

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int64_t kCycleDays = 146'097;  // of 400 years, after which the calendar repeats
constexpr std::int64_t kInfinity = std::numeric_limits<std::int64_t>::max();

std::int64_t FloorDivide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// Any day that a date of 32 bits or a time of 64 can name: SQL knows some that microseconds do not
// reach.
std::string TextOfDay(std::int64_t days) {
  const std::int64_t cycles = FloorDivide(days, kCycleDays);
  const std::string day = FormatDate((days - cycles * kCycleDays) * kDayUs);
  const std::size_t year_end = day.find('-');
  const std::int64_t year = std::stoll(day.substr(0, year_end)) + 400 * cycles;
  // ISO 8601: the year 0 came before the year 1, and has four digits beside a sign.
  return fmt::format("{}{:04}{}", year < 0 ? "-" : "", std::abs(year), day.substr(year_end));
}

json DateAsJson(std::int32_t days) {
  constexpr std::int32_t kForever = std::numeric_limits<std::int32_t>::max();
  if (days == kForever || days == -kForever) return days > 0 ? "infinity" : "-infinity";
  return TextOfDay(days);
}

std::int64_t UnitsPerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1'000'000;
}

// A time of day; the end of the day is 24:00:00.
std::string TextOfTime(std::int64_t in_day, std::int64_t per_second) {
  const std::int64_t second = in_day / per_second;
  std::string text =
      fmt::format("{:02}:{:02}:{:02}", second / 3'600, second / 60 % 60, second % 60);
  if (const std::int64_t fraction = in_day % per_second; fraction != 0) {
    std::string digits = fmt::format("{:09}", fraction * (1'000'000'000 / per_second));
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text;
}

json TimeAsJson(const arrow::Array& column, std::int64_t row) {
  const auto& type = static_cast<const arrow::TimeType&>(*column.type());
  const std::int64_t value = type.id() == arrow::Type::TIME32
                                 ? ValueOf<arrow::Time32Array>(column, row)
                                 : ValueOf<arrow::Time64Array>(column, row);
  return TextOfTime(value, UnitsPerSecond(type.unit()));
}

json TimestampAsJson(const arrow::Array& column, std::int64_t row) {
  const auto& type = static_cast<const arrow::TimestampType&>(*column.type());
  const std::int64_t value = ValueOf<arrow::TimestampArray>(column, row);
  if (value == kInfinity || value == -kInfinity) return value > 0 ? "infinity" : "-infinity";
  const std::int64_t per_second = UnitsPerSecond(type.unit());
  const std::int64_t days = FloorDivide(value, per_second * 86'400);
  const std::int64_t in_day = value - days * per_second * 86'400;
  const std::string text = TextOfDay(days) + "T" + TextOfTime(in_day, per_second);
  // A time without zone must not read like one in UTC.
  return type.timezone().empty() ? text : text + "Z";
}

// All digits of the scale: Arrow's own text of a small number has an exponent.
std::string DecimalAsText(const arrow::Decimal128Array& column, std::int64_t row) {
  const auto scale = static_cast<std::size_t>(
      std::max(0, static_cast<const arrow::Decimal128Type&>(*column.type()).scale()));
  std::string text = arrow::Decimal128(column.GetValue(row)).ToIntegerString();
  const bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  if (text.size() <= scale) text.insert(0, scale + 1 - text.size(), '0');
  if (scale > 0) text.insert(text.size() - scale, 1, '.');
  return negative ? "-" + text : text;
}

// DuckDB's HUGEINT (sum of integers) comes as a decimal without places.
bool IsWideInteger(const arrow::DataType& type) {
  if (type.id() != arrow::Type::DECIMAL128) return false;
  const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
  return decimal.precision() == arrow::Decimal128Type::kMaxPrecision && decimal.scale() == 0;
}

// The name of each column in a JSON object: its own, or one that no other has.
std::vector<std::string> KeysOf(const arrow::Table& rows) {
  const std::vector<std::string> names = rows.ColumnNames();
  const std::set<std::string> all(names.begin(), names.end());
  std::set<std::string> taken;
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    std::string key = name;
    for (int number = 1; taken.contains(key); ++number) {
      const std::string other = name + "_" + std::to_string(number);
      if (!all.contains(other)) key = other;
    }
    taken.insert(key);
    keys.push_back(std::move(key));
  }
  return keys;
}

enum class Members : std::uint8_t { kAsColumns, kByName };

// Each row as the members of an object, without its braces.
std::vector<std::string> RowMembers(const arrow::Table& rows, Members order) {
  std::vector<std::string> lines(static_cast<std::size_t>(rows.num_rows()));
  const std::vector<std::string> keys = KeysOf(rows);
  std::vector<int> numbers(static_cast<std::size_t>(rows.num_columns()));
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto key_of = [&](int number) -> const std::string& {
    return keys[static_cast<std::size_t>(number)];
  };
  if (order == Members::kByName) std::ranges::sort(numbers, {}, key_of);
  std::string start;
  for (const int number : numbers) {
    const bool wide = IsWideInteger(*rows.field(number)->type());
    start = (start.empty() ? "" : ",") + JsonLine(key_of(number)) + ":";
    std::size_t line = 0;
    for (const std::shared_ptr<arrow::Array>& chunk : rows.column(number)->chunks()) {
      for (std::int64_t at = 0; at < chunk->length(); ++at, ++line) {
        const json cell = CellAsJson(*chunk, at);
        lines[line] += start;
        lines[line] += wide && cell.is_string() ? cell.get<std::string>() : JsonLine(cell);
      }
    }
  }
  return lines;
}

json OtherAsJson(const arrow::Array& column, std::int64_t row) {
  const auto scalar = column.GetScalar(row);
  return scalar.ok() ? json((*scalar)->ToString()) : json();
}
}  // namespace

json CellAsJson(const arrow::Array& column, std::int64_t row) {
  if (column.IsNull(row)) return nullptr;
  switch (column.type_id()) {
    case arrow::Type::BOOL:
      return ValueOf<arrow::BooleanArray>(column, row);
    case arrow::Type::INT8:
      return static_cast<std::int64_t>(ValueOf<arrow::Int8Array>(column, row));
    case arrow::Type::INT16:
      return static_cast<std::int64_t>(ValueOf<arrow::Int16Array>(column, row));
    case arrow::Type::INT32:
      return static_cast<std::int64_t>(ValueOf<arrow::Int32Array>(column, row));
    case arrow::Type::INT64:
      return ValueOf<arrow::Int64Array>(column, row);
    case arrow::Type::UINT8:
      return static_cast<std::int64_t>(ValueOf<arrow::UInt8Array>(column, row));
    case arrow::Type::UINT16:
      return static_cast<std::int64_t>(ValueOf<arrow::UInt16Array>(column, row));
    case arrow::Type::UINT32:
      return static_cast<std::int64_t>(ValueOf<arrow::UInt32Array>(column, row));
    case arrow::Type::UINT64:
      return ValueOf<arrow::UInt64Array>(column, row);
    case arrow::Type::FLOAT:
      return FloatAsJson(static_cast<double>(ValueOf<arrow::FloatArray>(column, row)));
    case arrow::Type::DOUBLE:
      return FloatAsJson(ValueOf<arrow::DoubleArray>(column, row));
    case arrow::Type::STRING:
      return TextAsJson(static_cast<const arrow::StringArray&>(column).GetView(row));
    case arrow::Type::LARGE_STRING:
      return TextAsJson(static_cast<const arrow::LargeStringArray&>(column).GetView(row));
    case arrow::Type::BINARY:
      return BytesAsJson(static_cast<const arrow::BinaryArray&>(column).GetView(row));
    case arrow::Type::LARGE_BINARY:
      return BytesAsJson(static_cast<const arrow::LargeBinaryArray&>(column).GetView(row));
    case arrow::Type::DECIMAL128:
      return DecimalAsText(static_cast<const arrow::Decimal128Array&>(column), row);
    case arrow::Type::TIMESTAMP:
      return TimestampAsJson(column, row);
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return TimeAsJson(column, row);
    case arrow::Type::DATE32:
      return DateAsJson(ValueOf<arrow::Date32Array>(column, row));
    default:
      return OtherAsJson(column, row);
  }
}

json CellAsJson(const arrow::ChunkedArray& column, std::int64_t row) {
  for (const std::shared_ptr<arrow::Array>& chunk : column.chunks()) {
    if (row < chunk->length()) return CellAsJson(*chunk, row);
    row -= chunk->length();
  }
  return nullptr;
}

std::string RowsAsJson(const arrow::Table& rows) {
  const std::vector<std::string> keys = KeysOf(rows);
  std::string text = "{\"columns\":[";
  for (int number = 0; number < rows.num_columns(); ++number) {
    const arrow::Field& field = *rows.field(number);
    const std::string& key = keys[static_cast<std::size_t>(number)];
    json column{{"name", field.name()}, {"type", field.type()->ToString()}};
    if (IsWideInteger(*field.type())) column["type"] = "int128";
    if (key != field.name()) column["key"] = key;
    text += (number == 0 ? "" : ",") + JsonLine(column);
  }
  text += "],\"rows\":[";
  bool first = true;
  for (const std::string& members : RowMembers(rows, Members::kByName)) {
    text += (first ? "{" : ",{") + members + "}";
    first = false;
  }
  return text + "],\"schema_version\":1}\n";
}

std::string RowsAsJsonLines(const arrow::Table& rows) {
  const bool named_so = rows.schema()->GetFieldIndex("schema_version") >= 0;
  std::string text;
  for (const std::string& members : RowMembers(rows, Members::kAsColumns)) {
    text += "{" + members + (named_so ? "" : ",\"schema_version\":1") + "}\n";
  }
  return text;
}

json RowsAsObjects(const arrow::Table& rows) {
  std::vector<json> objects(static_cast<std::size_t>(rows.num_rows()), json::object());
  for (int number = 0; number < rows.num_columns(); ++number) {
    std::size_t row = 0;
    for (const std::shared_ptr<arrow::Array>& chunk : rows.column(number)->chunks()) {
      for (std::int64_t at = 0; at < chunk->length(); ++at, ++row)
        objects[row][rows.field(number)->name()] = CellAsJson(*chunk, at);
    }
  }
  return json(std::move(objects));
}
}  // namespace weirhouse::answers
