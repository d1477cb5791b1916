#include "ground/iceberg/read/file_columns.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/ascii.h"
#include "ground/base/digest.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/iceberg/type/json_number.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;
using ScalarPtr = std::shared_ptr<arrow::Scalar>;

constexpr int kColumnDepthMax = 64;
constexpr std::string_view kNameMapping = "schema.name-mapping.default";

Status NotADefault(const std::string& json, const Field& field) {
  return Status(Code::kCorruption,
                fmt::format("table metadata is malformed: column \"{}\" of type {} has the default "
                            "{}",
                            field.name, NameOf(field.type), json.substr(0, 200)))
      .WithError("WH7050");
}

// "22:31:08.123456" in microseconds.
std::optional<std::int64_t> TimeOfDay(const std::string& text) {
  const Result<std::int64_t> micros = ParseTimeMicros("1970-01-01T" + text + "Z");
  return micros.ok() ? std::optional(micros.value()) : std::nullopt;
}

// A timestamp in units of its type. ISO 8601 with up to nine digits of a second.
std::optional<std::int64_t> TimestampOf(std::string text, const Type& type) {
  std::int64_t nanos = 0;
  if (const auto dot = text.find('.'); dot != std::string::npos) {
    std::size_t end = dot + 1;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    std::string digits = text.substr(dot + 1, end - dot - 1);
    if (digits.size() > 9) return std::nullopt;
    digits.resize(9, '0');
    for (std::size_t i = 6; i < 9; ++i) nanos = nanos * 10 + (digits[i] - '0');
    text = text.substr(0, dot + 1) + digits.substr(0, 6) + text.substr(end);
  }
  const Result<std::int64_t> micros = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
  if (!micros.ok()) return std::nullopt;
  if (IsNanos(type)) return micros.value() * 1000 + nanos;
  return nanos == 0 ? std::optional(micros.value()) : std::nullopt;
}

std::optional<std::string> BytesOfText(const std::string& text, const Type& type) {
  if (type.kind() == TypeKind::kString) return text;
  std::string hex;
  for (const char c : text) {
    if (c != '-' || type.kind() != TypeKind::kUuid) hex += c;
  }
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  const int length = type.kind() == TypeKind::kUuid ? 16 : FixedLength(type);
  if (length > 0 && bytes.size() != static_cast<std::size_t>(length)) return std::nullopt;
  return bytes;
}

// Absent if `text` is not a value of `type`.
std::optional<ScalarPtr> ScalarOfText(const std::string& text, const Type& type,
                                      const std::shared_ptr<arrow::DataType>& arrow_type) {
  const auto of_integer = [&](std::optional<std::int64_t> value) -> std::optional<ScalarPtr> {
    if (!value) return std::nullopt;
    const bool narrow = type.kind() == TypeKind::kDate;
    if (narrow)
      return ScalarPtr(std::make_shared<arrow::Date32Scalar>(static_cast<std::int32_t>(*value)));
    auto scalar = arrow::MakeScalar(arrow_type, *value);
    return scalar.ok() ? std::optional<ScalarPtr>(*scalar) : std::nullopt;
  };
  if (type.kind() == TypeKind::kDate) {
    const Result<std::int64_t> micros = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
    if (!micros.ok() || text.size() != 10) return std::nullopt;
    return of_integer(micros.value() / 86'400'000'000);
  }
  if (type.kind() == TypeKind::kTime) return of_integer(TimeOfDay(text));
  if (IsTimestamp(type)) return of_integer(TimestampOf(text, type));
  if (ShapeOf(type).precision > 0) {
    arrow::Decimal128 value;
    std::int32_t scale = 0;
    if (!arrow::Decimal128::FromString(text, &value, nullptr, &scale).ok()) return std::nullopt;
    const auto scaled = value.Rescale(scale, ShapeOf(type).scale);
    if (!scaled.ok()) return std::nullopt;
    return ScalarPtr(std::make_shared<arrow::Decimal128Scalar>(*scaled, arrow_type));
  }
  const std::optional<std::string> bytes = BytesOfText(text, type);
  if (!bytes) return std::nullopt;
  if (type.kind() == TypeKind::kString)
    return ScalarPtr(std::make_shared<arrow::StringScalar>(*bytes));
  const auto buffer = arrow::Buffer::FromString(*bytes);
  if (type.kind() == TypeKind::kBinary)
    return ScalarPtr(std::make_shared<arrow::BinaryScalar>(buffer));
  return ScalarPtr(std::make_shared<arrow::FixedSizeBinaryScalar>(buffer, arrow_type));
}

std::optional<ScalarPtr> ScalarOfPrimitive(const Json& json, const Type& type,
                                           const std::shared_ptr<arrow::DataType>& arrow_type) {
  if (json.is_boolean() && type.kind() == TypeKind::kBoolean) {
    return ScalarPtr(std::make_shared<arrow::BooleanScalar>(json.get<bool>()));
  }
  if (json.is_number_integer() &&
      (type.kind() == TypeKind::kInt || type.kind() == TypeKind::kLong)) {
    const auto value = json.get<std::int64_t>();
    if (type.kind() == TypeKind::kLong)
      return ScalarPtr(std::make_shared<arrow::Int64Scalar>(value));
    if (value != static_cast<std::int32_t>(value)) return std::nullopt;
    return ScalarPtr(std::make_shared<arrow::Int32Scalar>(static_cast<std::int32_t>(value)));
  }
  if (json.is_number() && type.kind() == TypeKind::kDouble) {
    return ScalarPtr(std::make_shared<arrow::DoubleScalar>(json.get<double>()));
  }
  if (json.is_number() && type.kind() == TypeKind::kFloat) {
    return ScalarPtr(std::make_shared<arrow::FloatScalar>(json.get<float>()));
  }
  const bool by_text = type.kind() == TypeKind::kString || type.kind() == TypeKind::kBinary ||
                       type.kind() == TypeKind::kUuid || type.kind() == TypeKind::kDate ||
                       type.kind() == TypeKind::kTime || IsTimestamp(type) ||
                       FixedLength(type) > 0 || ShapeOf(type).precision > 0;
  if (!json.is_string() || !by_text) return std::nullopt;
  return ScalarOfText(json.get<std::string>(), type, arrow_type);
}

// {} is a struct whose fields have their own defaults.
Result<ScalarPtr> ScalarOfStruct(const std::vector<Field>& fields,
                                 const std::shared_ptr<arrow::DataType>& type) {
  arrow::ScalarVector values;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    if (field.initial_default.empty()) {
      values.push_back(arrow::MakeNullScalar(type->field(static_cast<int>(i))->type()));
      continue;
    }
    WEIRHOUSE_TRY(ScalarPtr value, ParseDefault(field.initial_default, field));
    values.push_back(std::move(value));
  }
  return ScalarPtr(std::make_shared<arrow::StructScalar>(std::move(values), type));
}

Status CollectDefaults(const std::vector<Field>& fields,
                       std::map<int, std::shared_ptr<arrow::Scalar>>& defaults) {
  for (const Field& field : fields) {
    if (!field.initial_default.empty()) {
      WEIRHOUSE_TRY(defaults[field.id], ParseDefault(field.initial_default, field));
    }
    WEIRHOUSE_TRY_STATUS(CollectDefaults(field.type.fields(), defaults));
  }
  return Status::Ok();
}

void CollectNames(const Json& mapping, int depth, std::map<int, std::vector<std::string>>& names) {
  if (depth > kColumnDepthMax) return;
  for (const Json& item : mapping) {
    if (const auto id = item.find("field-id"); id != item.end() && id->is_number_integer()) {
      names[ReadJsonId(*id, "field-id")] = item.at("names").get<std::vector<std::string>>();
    }
    if (const auto inner = item.find("fields"); inner != item.end() && inner->is_array()) {
      CollectNames(*inner, depth + 1, names);
    }
  }
}
}  // namespace

Result<std::shared_ptr<arrow::Scalar>> ParseDefault(const std::string& text, const Field& field) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::DataType> type, ArrowTypeOf(field.type));
  if (json.is_null()) return arrow::MakeNullScalar(type);
  if (field.type.is_nested()) {
    const bool empty_struct =
        field.type.kind() == TypeKind::kStruct && json.is_object() && json.empty();
    if (!empty_struct) return NotADefault(text, field);
    return ScalarOfStruct(field.type.fields(), type);
  }
  const std::optional<ScalarPtr> scalar = ScalarOfPrimitive(json, field.type, type);
  if (!scalar) return NotADefault(text, field);
  return *scalar;
}

Result<platform::ParquetReadOptions> MakeReadOptions(const Schema& wanted,
                                                     const TableMetadata& table) {
  platform::ParquetReadOptions options;
  WEIRHOUSE_TRY(options.schema, wanted.ToArrow());
  WEIRHOUSE_TRY_STATUS(CollectDefaults(wanted.fields, options.defaults));
  const auto mapping = table.properties.find(std::string(kNameMapping));
  if (mapping == table.properties.end()) return options;
  try {
    CollectNames(Json::parse(mapping->second), 0, options.names);
  } catch (const Json::exception& error) {
    return Status(Code::kCorruption, fmt::format("table property {} is malformed: table \"{}\": {}",
                                                 kNameMapping, table.name, error.what()))
        .WithError("WH7050")
        .WithHint("set it again with the engine that wrote it, or remove it");
  }
  return options;
}
}  // namespace weirhouse::iceberg
