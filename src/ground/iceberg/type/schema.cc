#include "ground/iceberg/type/schema.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "ground/iceberg/type/json_number.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

Status NotStorable(std::string_view type) {
  return Status(Code::kInvalidInput, fmt::format("a table's column cannot hold type {}", type))
      .WithError("WH7055")
      .WithHint(
          "cast it to boolean, int, long, float, double, decimal, date, timestamp, string or "
          "binary");
}

Status MalformedField(std::string why) {
  return Status(Code::kCorruption, fmt::format("table schema is malformed: {}", why))
      .WithError("WH7050");
}

bool CanPromote(const Type& from, const Type& to) {
  if (from == to) return true;
  if (from.kind() == TypeKind::kInt && to.kind() == TypeKind::kLong) return true;
  if (from.kind() == TypeKind::kFloat && to.kind() == TypeKind::kDouble) return true;
  const DecimalShape a = ShapeOf(from);
  const DecimalShape b = ShapeOf(to);
  return a.precision > 0 && b.precision >= a.precision && a.scale == b.scale;
}

Status RefusedSchema(std::string message, std::string hint) {
  return Status(Code::kContractRefused, std::move(message))
      .WithError("WH7054")
      .WithHint(std::move(hint));
}

std::string WideningsOf(const Type& type) {
  if (type.kind() == TypeKind::kInt) return "it may become long";
  if (type.kind() == TypeKind::kFloat) return "it may become double";
  if (const DecimalShape shape = ShapeOf(type); shape.precision > 0) {
    return fmt::format("it may become a decimal of scale {} and precision above {}", shape.scale,
                       shape.precision);
  }
  return fmt::format("type {} cannot change; add a new optional field instead", NameOf(type));
}

// The evolved field for `now`, or why the change would break readers.
Result<Field> EvolveField(const Field& now, const Field& wanted) {
  if (!CanPromote(now.type, wanted.type)) {
    return RefusedSchema(fmt::format("field \"{}\" changes its type from {} to {}", now.name,
                                     NameOf(now.type), NameOf(wanted.type)),
                         WideningsOf(now.type));
  }
  if (wanted.required && !now.required) {
    return RefusedSchema(
        fmt::format("field \"{}\" changes from optional to required", now.name),
        "old files may hold nulls there: keep it optional and check for nulls in a gate");
  }
  if (!wanted.required && now.required) {
    return RefusedSchema(fmt::format("field \"{}\" changes from required to optional", now.name),
                         "readers rely on its value: keep it required, or publish a major version");
  }
  Field evolved = wanted;
  evolved.id = now.id;
  evolved.initial_default = now.initial_default;  // existing rows rely on it
  if (evolved.write_default.empty()) evolved.write_default = now.write_default;
  return evolved;
}
}  // namespace

const Field* Schema::Find(std::string_view name) const {
  for (const Field& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

const Field* Schema::FindById(int id) const {
  for (const Field& field : fields) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

nlohmann::json Schema::ToJson() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Field& field : fields) list.push_back(JsonOf(field));
  nlohmann::json json = {{"type", "struct"}, {"schema-id", schema_id}, {"fields", list}};
  if (!identifier_field_ids.empty()) json["identifier-field-ids"] = identifier_field_ids;
  return json;
}

Result<Schema> Schema::FromJson(const nlohmann::json& json) {
  try {
    Schema schema;
    if (const auto id = json.find("schema-id"); id != json.end()) {
      schema.schema_id = ReadJsonId(*id, "schema-id");
    }
    for (const nlohmann::json& item : json.at("fields")) {
      WEIRHOUSE_TRY(Field field, ParseField(item));
      schema.fields.push_back(std::move(field));
    }
    if (json.contains("identifier-field-ids")) {
      for (const nlohmann::json& id : json["identifier-field-ids"]) {
        schema.identifier_field_ids.push_back(ReadJsonId(id, "identifier-field-ids"));
      }
    }
    return schema;
  } catch (const nlohmann::json::exception& error) {
    return MalformedField(error.what());
  }
}

namespace {
Result<std::shared_ptr<arrow::Field>> ArrowFieldOf(const Field& field) {
  WEIRHOUSE_TRY(std::shared_ptr<arrow::DataType> type, ArrowTypeOf(field.type));
  return arrow::field(
      field.name, std::move(type), !field.required,
      arrow::KeyValueMetadata::Make({"PARQUET:field_id"}, {std::to_string(field.id)}));
}

Result<std::shared_ptr<arrow::DataType>> ArrowTypeOfNested(const Type& type) {
  arrow::FieldVector fields;
  for (const Field& inner : type.fields()) {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Field> field, ArrowFieldOf(inner));
    fields.push_back(std::move(field));
  }
  if (type.kind() == TypeKind::kStruct) return arrow::struct_(std::move(fields));
  if (type.kind() == TypeKind::kList) return arrow::list(fields[0]);
  return std::shared_ptr<arrow::DataType>(std::make_shared<arrow::MapType>(fields[0], fields[1]));
}
}  // namespace

Result<std::shared_ptr<arrow::DataType>> ArrowTypeOf(const Type& type) {
  switch (type.kind()) {
    case TypeKind::kUnknown:
      return arrow::null();
    case TypeKind::kBoolean:
      return arrow::boolean();
    case TypeKind::kInt:
      return arrow::int32();
    case TypeKind::kLong:
      return arrow::int64();
    case TypeKind::kFloat:
      return arrow::float32();
    case TypeKind::kDouble:
      return arrow::float64();
    case TypeKind::kDecimal:
      return arrow::decimal128(type.precision(), type.scale());
    case TypeKind::kDate:
      return arrow::date32();
    case TypeKind::kTime:
      return arrow::time64(arrow::TimeUnit::MICRO);
    case TypeKind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case TypeKind::kTimestampTz:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case TypeKind::kTimestampNs:
      return arrow::timestamp(arrow::TimeUnit::NANO);
    case TypeKind::kTimestampTzNs:
      return arrow::timestamp(arrow::TimeUnit::NANO, "UTC");
    case TypeKind::kString:
      return arrow::utf8();
    case TypeKind::kUuid:
      return arrow::fixed_size_binary(16);
    case TypeKind::kFixed:
      return arrow::fixed_size_binary(type.length());
    case TypeKind::kBinary:
    case TypeKind::kGeometry:  // well-known binary
    case TypeKind::kGeography:
      return arrow::binary();
    case TypeKind::kVariant:
      break;
    case TypeKind::kStruct:
    case TypeKind::kList:
    case TypeKind::kMap:
      return ArrowTypeOfNested(type);
  }
  return NotStorable(NameOf(type));
}

Result<Type> TypeOfArrow(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return Type(TypeKind::kBoolean);
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
      return Type(TypeKind::kInt);
    case arrow::Type::INT64:
    case arrow::Type::UINT32:
      return Type(TypeKind::kLong);
    case arrow::Type::FLOAT:
      return Type(TypeKind::kFloat);
    case arrow::Type::DOUBLE:
      return Type(TypeKind::kDouble);
    case arrow::Type::DATE32:
      return Type(TypeKind::kDate);
    case arrow::Type::TIME64:
      return Type(TypeKind::kTime);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return Type(TypeKind::kString);
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
      return Type(TypeKind::kBinary);
    case arrow::Type::FIXED_SIZE_BINARY:
      return Type::Fixed(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width());
    case arrow::Type::TIMESTAMP:
      return Type(static_cast<const arrow::TimestampType&>(type).timezone().empty()
                      ? TypeKind::kTimestamp
                      : TypeKind::kTimestampTz);
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
      if (decimal.scale() < 0 || decimal.scale() > decimal.precision()) break;
      return Type::Decimal(decimal.precision(), decimal.scale());
    }
    case arrow::Type::DICTIONARY:
      return TypeOfArrow(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default:
      break;
  }
  return NotStorable(type.ToString());
}

Result<std::shared_ptr<arrow::Schema>> Schema::ToArrow() const {
  arrow::FieldVector out;
  for (const Field& field : fields) {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Field> made, ArrowFieldOf(field));
    out.push_back(std::move(made));
  }
  return arrow::schema(std::move(out));
}

namespace {
std::optional<Field> FindIn(const std::vector<Field>& fields, int id) {
  for (const Field& field : fields) {
    if (field.id == id) return field;
  }
  for (const Field& field : fields) {
    if (std::optional<Field> found = FindIn(field.type.fields(), id)) return found;
  }
  return std::nullopt;
}
}  // namespace

std::optional<Field> FindAtAnyDepth(const Schema& schema, int id) {
  return FindIn(schema.fields, id);
}

Result<Schema> Schema::FromArrow(const arrow::Schema& schema) {
  Schema out;
  for (const auto& field : schema.fields()) {
    WEIRHOUSE_TRY(Type type, TypeOfArrow(*field->type()));
    Field made;
    made.id = static_cast<int>(out.fields.size()) + 1;
    made.name = field->name();
    made.type = std::move(type);
    made.required = !field->nullable();
    out.fields.push_back(std::move(made));
  }
  return out;
}

Result<Schema> EvolveSchema(const Schema& current, const Schema& proposed, int last_column_id) {
  Schema evolved;
  evolved.schema_id = current.schema_id + 1;
  evolved.identifier_field_ids = current.identifier_field_ids;
  std::vector<std::string> proposed_names;
  for (const Field& field : proposed.fields) proposed_names.push_back(field.name);
  // The old fields keep their places; new ones follow in the proposed order.
  for (const Field& now : current.fields) {
    const Field* wanted = proposed.Find(now.name);
    if (wanted == nullptr && now.name == kCommitSeqColumn) {
      evolved.fields.push_back(now);  // compaction adds it; writers of rows omit it
      continue;
    }
    if (wanted == nullptr) {
      const std::string hint =
          "a field cannot be dropped or renamed: keep it; optional fields may be null";
      const std::string near = DidYouMean(now.name, proposed_names);
      return RefusedSchema(
          fmt::format("field \"{}\" is missing from the proposed schema", now.name),
          near.empty() ? hint : fmt::format("{} ({})", hint, near));
    }
    WEIRHOUSE_TRY(Field field, EvolveField(now, *wanted));
    evolved.fields.push_back(std::move(field));
  }
  int next_id = last_column_id;
  for (const Field& wanted : proposed.fields) {
    if (current.Find(wanted.name) != nullptr) continue;
    if (wanted.required) {
      return RefusedSchema(fmt::format("new field \"{}\" is required", wanted.name),
                           "existing rows have no value for it: declare it optional");
    }
    if (next_id >= kColumnIdMax) {
      return RefusedSchema(
          fmt::format("no id is left for the new field \"{}\": the table's last id is {}",
                      wanted.name, last_column_id),
          "another engine used an id at the end of the range: create the table again");
    }
    Field field = wanted;
    field.id = ++next_id;
    evolved.fields.push_back(std::move(field));
  }
  return evolved;
}
}  // namespace weirhouse::iceberg
