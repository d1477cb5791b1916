#include "ground/iceberg/type/type_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/json_number.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

constexpr int kTypeJsonDepthMax =
    4 * kTypeDepthMax;  // a struct takes three levels: type, fields, field
constexpr int kPrecisionMax = 38;

struct NamedKind {
  std::string_view name;
  TypeKind kind;
};
constexpr NamedKind kPlainTypes[] = {{"unknown", TypeKind::kUnknown},
                                     {"boolean", TypeKind::kBoolean},
                                     {"int", TypeKind::kInt},
                                     {"long", TypeKind::kLong},
                                     {"float", TypeKind::kFloat},
                                     {"double", TypeKind::kDouble},
                                     {"date", TypeKind::kDate},
                                     {"time", TypeKind::kTime},
                                     {"timestamp", TypeKind::kTimestamp},
                                     {"timestamptz", TypeKind::kTimestampTz},
                                     {"string", TypeKind::kString},
                                     {"uuid", TypeKind::kUuid},
                                     {"binary", TypeKind::kBinary},
                                     {"timestamp_ns", TypeKind::kTimestampNs},
                                     {"timestamptz_ns", TypeKind::kTimestampTzNs},
                                     {"variant", TypeKind::kVariant},
                                     {"geometry", TypeKind::kGeometry},
                                     {"geography", TypeKind::kGeography}};

std::string_view PlainName(TypeKind kind) {
  for (const NamedKind& plain : kPlainTypes) {
    if (plain.kind == kind) return plain.name;
  }
  return "";
}

Status MalformedType(std::string why) {
  return Status(Code::kCorruption, fmt::format("table schema is malformed: {}", why))
      .WithError("WH7050");
}

// "name[12]" or "name(9, 2)" → the text between the brackets.
std::optional<std::string_view> Bracketed(std::string_view text, std::string_view name, char open,
                                          char close) {
  if (text.size() < name.size() + 2 || !text.starts_with(name)) return std::nullopt;
  if (text[name.size()] != open || text.back() != close) return std::nullopt;
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

// Digits alone, with blanks around them; -1 for anything else, or a number that no type needs.
// Zeros in front are read as Java's reader does.
int WholeNumberOf(std::string_view text) {
  text = Trim(text);
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > 100'000'000) return -1;
    value = value * 10 + (c - '0');
  }
  return text.empty() ? -1 : value;
}

std::optional<Type> DecimalOf(std::string_view inside) {
  const auto comma = inside.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const int precision = WholeNumberOf(inside.substr(0, comma));
  const int scale = WholeNumberOf(inside.substr(comma + 1));
  if (precision < 1 || precision > kPrecisionMax || scale < 0 || scale > precision) {
    return std::nullopt;
  }
  return Type::Decimal(precision, scale);
}

// Checked before the JSON is copied or printed, because both recurse.
bool IsDeep(const Json& json, int depth) {
  if (!json.is_structured()) return false;
  if (depth > kTypeJsonDepthMax) return true;
  return std::any_of(json.begin(), json.end(),
                     [depth](const Json& item) { return IsDeep(item, depth + 1); });
}

// The JSON text under `key`; empty if there is none.
Result<std::string> DefaultText(const Json& field, const char* key) {
  const auto it = field.find(key);
  if (it == field.end() || it->is_null()) return std::string();
  if (IsDeep(*it, 0)) return MalformedType(fmt::format("{} is nested too deep", key));
  return it->dump();
}

// The members of `object` beside `known`, as text; empty if there are none.
std::string OtherMembers(const Json& object, std::initializer_list<std::string_view> known) {
  Json others = Json::object();
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) others[key] = value;
  }
  return others.empty() ? std::string() : others.dump();
}

void AddOtherMembers(const std::string& others, Json& json) {
  if (!others.empty()) json.update(Json::parse(others, nullptr, /*allow_exceptions=*/false));
}

Result<Type> ReadTypeAt(const Json& json, int depth);

// The functions below throw nlohmann's exceptions if a member is missing or has another type.
Result<Field> ReadFieldAt(const Json& json, int depth) {
  Field field;
  field.id = ReadJsonId(json.at("id"), "id");
  field.name = json.at("name").get<std::string>();
  field.required = json.value("required", false);
  if (const auto doc = json.find("doc"); doc != json.end() && !doc->is_null()) {
    field.doc = doc->get<std::string>();
  }
  Result<Type> type = ReadTypeAt(json.at("type"), depth);
  if (!type.ok()) {
    if (depth > 0) return type.status();
    return type.status().WithContext(fmt::format("field \"{}\"", field.name));
  }
  field.type = std::move(type).value();
  WEIRHOUSE_TRY(field.initial_default, DefaultText(json, "initial-default"));
  WEIRHOUSE_TRY(field.write_default, DefaultText(json, "write-default"));
  field.other_members = OtherMembers(
      json, {"id", "name", "required", "type", "doc", "initial-default", "write-default"});
  return field;
}

Result<Field> ReadPartAt(const Json& json, const std::string& name, int depth) {
  Field part;
  const std::string id = name + "-id";
  part.id = ReadJsonId(json.at(id), id.c_str());
  part.required = json.value(name + "-required", false);
  WEIRHOUSE_TRY(part.type, ReadTypeAt(json.at(name), depth));
  return part;
}

Result<Type> ReadTypeAt(const Json& json, int depth) {
  if (depth > kTypeDepthMax) return MalformedType("types are nested deeper than 64 levels");
  if (json.is_string()) {
    const auto name = json.get<std::string>();
    if (std::optional<Type> type = ParsePrimitiveType(name)) return *std::move(type);
    return MalformedType(fmt::format("\"{}\" is not a type", name));
  }
  const std::string kind = json.at("type").get<std::string>();
  if (kind == "struct") {
    std::vector<Field> fields;
    for (const Json& item : json.at("fields")) {
      WEIRHOUSE_TRY(fields.emplace_back(), ReadFieldAt(item, depth + 1));
    }
    return Type::Struct(std::move(fields)).WithOtherMembers(OtherMembers(json, {"type", "fields"}));
  }
  if (kind == "list") {
    WEIRHOUSE_TRY(Field element, ReadPartAt(json, "element", depth + 1));
    return Type::List(std::move(element))
        .WithOtherMembers(
            OtherMembers(json, {"type", "element", "element-id", "element-required"}));
  }
  if (kind == "map") {
    WEIRHOUSE_TRY(Field key, ReadPartAt(json, "key", depth + 1));
    WEIRHOUSE_TRY(Field value, ReadPartAt(json, "value", depth + 1));
    return Type::Map(std::move(key), std::move(value))
        .WithOtherMembers(OtherMembers(json, {"type", "key", "key-id", "key-required", "value",
                                              "value-id", "value-required"}));
  }
  return MalformedType(fmt::format("\"{}\" is not a nested type", kind));
}
}  // namespace

std::optional<Type> ParsePrimitiveType(std::string_view name) {
  for (const NamedKind& plain : kPlainTypes) {
    if (name == plain.name) return Type(plain.kind);
  }
  if (const auto inside = Bracketed(name, "decimal", '(', ')')) return DecimalOf(*inside);
  if (const auto inside = Bracketed(name, "fixed", '[', ']')) {
    const int length = WholeNumberOf(*inside);
    return length > 0 ? std::optional(Type::Fixed(length)) : std::nullopt;
  }
  for (const TypeKind kind : {TypeKind::kGeometry, TypeKind::kGeography}) {
    if (const auto inside = Bracketed(name, PlainName(kind), '(', ')')) {
      return Type::Spatial(kind, std::string(*inside));
    }
  }
  return std::nullopt;
}

Result<Type> ParseType(const Json& json) {
  if (IsDeep(json, 0)) return MalformedType("types are nested deeper than 64 levels");
  try {
    return ReadTypeAt(json, 0);
  } catch (const Json::exception& error) {
    return MalformedType(error.what());
  }
}

Result<Field> ParseField(const Json& json) {
  if (IsDeep(json, 0)) return MalformedType("types are nested deeper than 64 levels");
  try {
    return ReadFieldAt(json, 0);
  } catch (const Json::exception& error) {
    return MalformedType(error.what());
  }
}

std::string NameOf(const Type& type) {
  if (type.is_nested()) return JsonOf(type).dump();
  if (type.kind() == TypeKind::kDecimal) {
    return fmt::format("decimal({},{})", type.precision(), type.scale());
  }
  if (type.kind() == TypeKind::kFixed) return fmt::format("fixed[{}]", type.length());
  const std::string_view name = PlainName(type.kind());
  return type.parameters().empty() ? std::string(name)
                                   : fmt::format("{}({})", name, type.parameters());
}

Json JsonOf(const Type& type) {
  if (!type.is_nested()) return NameOf(type);
  if (type.kind() == TypeKind::kStruct) {
    Json fields = Json::array();
    for (const Field& field : type.fields()) fields.push_back(JsonOf(field));
    Json json = {{"type", "struct"}, {"fields", std::move(fields)}};
    AddOtherMembers(type.other_members(), json);
    return json;
  }
  const bool is_list = type.kind() == TypeKind::kList;
  Json json = {{"type", is_list ? "list" : "map"}};
  for (const Field& part : type.fields()) {
    json[part.name] = JsonOf(part.type);
    json[part.name + "-id"] = part.id;
    if (part.name != "key") json[part.name + "-required"] = part.required;
  }
  AddOtherMembers(type.other_members(), json);
  return json;
}

Json JsonOf(const Field& field) {
  Json json = {{"id", field.id}, {"name", field.name}, {"required", field.required}};
  json["type"] = JsonOf(field.type);
  if (!field.doc.empty()) json["doc"] = field.doc;
  const auto add_default = [&json](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  };
  add_default("initial-default", field.initial_default);
  add_default("write-default", field.write_default);
  AddOtherMembers(field.other_members, json);
  return json;
}
}  // namespace weirhouse::iceberg
