#include "ground/iceberg/type/nested_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/iceberg/type/json_number.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

constexpr int kTypeDepthMax = 64;
constexpr int kTypeJsonDepthMax =
    4 * kTypeDepthMax;  // a struct takes three levels: type, fields, field
constexpr std::string_view kPrimitives[] = {
    "boolean",   "int",         "long",     "float",    "double", "date",         "time",
    "timestamp", "timestamptz", "string",   "binary",   "uuid",   "timestamp_ns", "timestamptz_ns",
    "unknown",   "variant",     "geometry", "geography"};

Status MalformedType(std::string why) {
  return Status(Code::kCorruption, fmt::format("table schema is malformed: {}", why))
      .WithError("WH7050");
}

bool StartsWith(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

Result<std::string> PrimitiveName(const std::string& name) {
  for (const std::string_view known : kPrimitives) {
    if (name == known) return name;
  }
  const Type type{name};
  if (const DecimalShape shape = ShapeOf(type); shape.precision > 0) {
    return fmt::format("decimal({},{})", shape.precision, shape.scale);
  }
  if (const int length = FixedLength(type); length > 0) return fmt::format("fixed[{}]", length);
  const bool on_the_globe = StartsWith(name, "geometry(") || StartsWith(name, "geography(");
  if (on_the_globe && name.back() == ')') return name;
  return MalformedType(fmt::format("\"{}\" is no type", name));
}

// Checked before anything copies or prints it: both go as deep as the JSON does.
bool IsDeep(const Json& json, int depth) {
  if (!json.is_structured()) return false;
  if (depth > kTypeJsonDepthMax) return true;
  return std::any_of(json.begin(), json.end(),
                     [depth](const Json& item) { return IsDeep(item, depth + 1); });
}

// Spells the types inside `json` in the one way we compare by. All else stays as it is.
Status Normalize(Json& json, int depth) {
  if (depth > kTypeDepthMax) return MalformedType("types are nested deeper than 64 levels");
  if (json.is_string()) {
    WEIRHOUSE_TRY(json, PrimitiveName(json.get<std::string>()));
    return Status::Ok();
  }
  const std::string kind = json.at("type").get<std::string>();
  if (kind == "struct") {
    for (Json& field : json.at("fields")) {
      WEIRHOUSE_TRY_STATUS(Normalize(field.at("type"), depth + 1));
    }
    return Status::Ok();
  }
  if (kind == "list") return Normalize(json.at("element"), depth + 1);
  if (kind == "map") {
    WEIRHOUSE_TRY_STATUS(Normalize(json.at("key"), depth + 1));
    return Normalize(json.at("value"), depth + 1);
  }
  return MalformedType(fmt::format("\"{}\" is no nested type", kind));
}

Result<Field> InnerField(const Json& json, const char* name, bool required) {
  Field field;
  const std::string id = std::string(name) + "-id";
  field.id = IdOfJson(json.at(id), id.c_str());
  field.name = name;
  field.required = required;
  WEIRHOUSE_TRY(field.type, TypeOfJson(json.at(name)));
  return field;
}

Result<NestedType> TakeApartJson(const Json& json) {
  NestedType nested;
  const std::string kind = json.at("type").get<std::string>();
  if (kind == "struct") {
    for (const Json& item : json.at("fields")) {
      WEIRHOUSE_TRY(Field field, FieldOfJson(item));
      nested.fields.push_back(std::move(field));
    }
    return nested;
  }
  if (kind == "list") {
    nested.kind = NestedType::Kind::kList;
    WEIRHOUSE_TRY(Field element,
                  InnerField(json, "element", json.value("element-required", false)));
    nested.fields = {std::move(element)};
    return nested;
  }
  nested.kind = NestedType::Kind::kMap;
  WEIRHOUSE_TRY(Field key, InnerField(json, "key", true));
  WEIRHOUSE_TRY(Field value, InnerField(json, "value", json.value("value-required", false)));
  nested.fields = {std::move(key), std::move(value)};
  return nested;
}

// The JSON text under `key`; empty if there is none.
Result<std::string> DefaultText(const Json& field, const char* key) {
  const auto it = field.find(key);
  if (it == field.end() || it->is_null()) return std::string();
  if (IsDeep(*it, 0)) return MalformedType(fmt::format("{} is nested too deep", key));
  return it->dump();
}

std::optional<Field> FindIn(const std::vector<Field>& fields, int id) {
  for (const Field& field : fields) {
    if (field.id == id) return field;
  }
  for (const Field& field : fields) {
    if (!IsNestedType(field.type)) continue;
    const Result<NestedType> nested = TakeApart(field.type);
    if (!nested.ok()) continue;
    if (std::optional<Field> found = FindIn(nested.value().fields, id)) return found;
  }
  return std::nullopt;
}
}  // namespace

Result<Type> TypeOfJson(const Json& json) {
  if (IsDeep(json, 0)) return MalformedType("types are nested deeper than 64 levels");
  try {
    Json spelled = json;
    WEIRHOUSE_TRY_STATUS(Normalize(spelled, 0));
    return Type{spelled.is_string() ? spelled.get<std::string>() : spelled.dump()};
  } catch (const Json::exception& error) {
    return MalformedType(error.what());
  }
}

Result<Field> FieldOfJson(const Json& json) {
  try {
    Field field;
    field.id = IdOfJson(json.at("id"), "id");
    field.name = json.at("name").get<std::string>();
    field.required = json.value("required", false);
    if (const auto doc = json.find("doc"); doc != json.end() && !doc->is_null()) {
      field.doc = doc->get<std::string>();
    }
    Result<Type> type = TypeOfJson(json.at("type"));
    if (!type.ok()) return type.status().WithContext(fmt::format("field \"{}\"", field.name));
    field.type = std::move(type).value();
    WEIRHOUSE_TRY(field.initial_default, DefaultText(json, "initial-default"));
    WEIRHOUSE_TRY(field.write_default, DefaultText(json, "write-default"));
    return field;
  } catch (const Json::exception& error) {
    return MalformedType(error.what());
  }
}

Result<NestedType> TakeApart(const Type& type) {
  try {
    return TakeApartJson(Json::parse(type.name));
  } catch (const Json::exception& error) {
    return MalformedType(error.what());
  }
}

std::optional<Field> FindAtAnyDepth(const Schema& schema, int id) {
  return FindIn(schema.fields, id);
}
}  // namespace weirhouse::iceberg
