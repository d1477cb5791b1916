#include "ground/iceberg/update/schema_request.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/request/json_members.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/default_value.h"
#include "ground/iceberg/type/schema_index.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

// Reads one schema with all that is nested in it.
class SchemaReader {
 public:
  SchemaReader(RequestPlace& place, ColumnIds ids) : place_(place), ids_(ids) {}

  // The type as Schema keeps it: a name, or an object with the specification's members alone.
  Json ReadType(const Json& json, const std::string& path);
  // The fields of a struct.
  Json ReadFields(JsonFields& type);

 private:
  Json ReadField(JsonFields field);
  std::string ReadPrimitive(const std::string& name, const std::string& path);
  void ReadDefault(JsonFields& field, const char* key, const Json& type, Json& read);
  int ReadId(JsonFields& fields, const char* key);

  RequestPlace& place_;
  ColumnIds ids_;
  std::set<int> seen_;
};

int SchemaReader::ReadId(JsonFields& fields, const char* key) {
  const int minimum = ids_ == ColumnIds::kKept ? 0 : std::numeric_limits<int>::min();
  const int maximum = ids_ == ColumnIds::kKept ? kColumnIdMax : std::numeric_limits<int>::max();
  const int id = fields.Int(key, minimum, maximum);
  if (!seen_.insert(id).second) {
    place_.Refuse(fields.Path(key), fmt::format("is {}, which another column has already", id));
  }
  return id;
}

std::string SchemaReader::ReadPrimitive(const std::string& name, const std::string& path) {
  Type type{LowerCase(name)};
  if (const DecimalShape shape = ShapeOf(type); shape.precision > 0) {
    return fmt::format("decimal({},{})", shape.precision, shape.scale);
  }
  if (const int length = FixedLength(type); length > 0) return fmt::format("fixed[{}]", length);
  // Coordinate systems are written in capitals.
  if (type.name.substr(0, 3) == "geo") type.name = name;
  if (FirstVersionOf(type) == 0) {
    place_.Refuse(path, fmt::format("is no type of Iceberg: \"{}\"", name));
  }
  return type.name;
}

Json SchemaReader::ReadType(const Json& json, const std::string& path) {
  if (json.is_string()) return ReadPrimitive(json.get<std::string>(), path);
  JsonFields type(place_, json, path);
  if (!json.is_object()) return "string";  // refused
  const std::string kind = type.Word("type", {"struct", "list", "map"});
  Json read = {{"type", kind}};
  if (kind == "list") {
    read["element-id"] = ReadId(type, "element-id");
    read["element-required"] = type.Bool("element-required");
    read["element"] = ReadType(type.Any("element"), type.Path("element"));
  } else if (kind == "map") {
    read["key-id"] = ReadId(type, "key-id");
    read["key"] = ReadType(type.Any("key"), type.Path("key"));
    read["value-id"] = ReadId(type, "value-id");
    read["value-required"] = type.Bool("value-required");
    read["value"] = ReadType(type.Any("value"), type.Path("value"));
  } else if (kind == "struct") {
    read["fields"] = ReadFields(type);
  }
  return read;
}

Json SchemaReader::ReadFields(JsonFields& type) {
  Json fields = Json::array();
  std::set<std::string> names;
  for (const auto& [json, path] : type.Array("fields")) {
    Json field = ReadField(JsonFields(place_, *json, path));
    if (!names.insert(field["name"].get<std::string>()).second) {
      place_.Refuse(path, fmt::format("has a name that another field of the struct has: \"{}\"",
                                      field["name"].get<std::string>()));
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

Json SchemaReader::ReadField(JsonFields field) {
  Json read;
  read["id"] = ReadId(field, "id");
  read["name"] = field.Text("name");
  read["required"] = field.Bool("required");
  read["type"] = ReadType(field.Any("type"), field.Path("type"));
  if (const std::string doc = field.OptionalText("doc"); !doc.empty()) read["doc"] = doc;
  ReadDefault(field, "initial-default", read["type"], read);
  ReadDefault(field, "write-default", read["type"], read);
  if (read["type"] == "unknown" && read["required"] == true) {
    place_.Refuse(field.Path("required"), "must be false: a column of unknown type holds nulls");
  }
  return read;
}

void SchemaReader::ReadDefault(JsonFields& field, const char* key, const Json& type, Json& read) {
  if (!field.Has(key)) return;
  const Json& value = field.Any(key);
  if (!type.is_string() || !IsValueOf(Type{type.get<std::string>()}, value)) {
    place_.Refuse(field.Path(key), fmt::format("is no value of type {}", type.dump()));
    return;
  }
  read[key] = value;
}

// An identifier must be there in every row and equal to itself.
void CheckIdentifiers(JsonFields& json, const Schema& schema) {
  if (schema.identifier_field_ids.empty()) return;
  const SchemaIndex index(schema);
  for (const int id : schema.identifier_field_ids) {
    const auto refuse = [&](std::string_view why) {
      json.place().Refuse(json.Path("identifier-field-ids"), fmt::format("names {}, {}", id, why));
    };
    const IndexedColumn* column = index.ById(id);
    if (column == nullptr) return refuse("which is no column");
    if (IsNestedType(column->type)) return refuse("whose type is nested");
    if (!column->required || !column->ancestors_required) return refuse("which may be null");
    if (!column->only_in_structs) return refuse("which lies in a list or map");
    if (column->type.name == "float" || column->type.name == "double") {
      return refuse("whose type is a floating one");
    }
  }
}
}  // namespace

Schema ReadSchema(RequestPlace& place, const Json& json, const std::string& path, ColumnIds ids) {
  Schema schema;
  JsonFields fields(place, json, path);
  if (fields.Has("type")) fields.Word("type", {"struct"});
  schema.schema_id = fields.OptionalInt("schema-id", std::numeric_limits<int>::min()).value_or(0);
  SchemaReader reader(place, ids);
  const Json read = reader.ReadFields(fields);
  if (!place.ok()) return schema;
  for (const Json& item : read) {
    Result<Field> field = FieldOfJson(item);
    if (!field.ok()) {  // nested too deep
      place.Refuse(path, field.status().message());
      return schema;
    }
    schema.fields.push_back(std::move(field).value());
  }
  if (fields.Has("identifier-field-ids")) {
    for (const std::int64_t id :
         fields.Longs("identifier-field-ids", std::numeric_limits<int>::min(),
                      std::numeric_limits<int>::max())) {
      schema.identifier_field_ids.push_back(static_cast<int>(id));
    }
    CheckIdentifiers(fields, schema);
  }
  return schema;
}

PartitionSpec ReadSpec(RequestPlace& place, const Json& json, const std::string& path) {
  PartitionSpec spec;
  JsonFields fields(place, json, path);
  spec.spec_id = fields.OptionalInt("spec-id", std::numeric_limits<int>::min()).value_or(0);
  std::set<int> ids;
  std::set<std::string> names;
  for (const auto& [element, element_path] : fields.Array("fields")) {
    JsonFields item(place, *element, element_path);
    PartitionField field;
    field.source_id = item.Int("source-id", std::numeric_limits<int>::min());
    field.field_id = item.OptionalInt("field-id", 1, kColumnIdMax).value_or(0);
    field.name = item.Text("name");
    const std::string transform = item.Text("transform");
    field.transform = KnownTransform(transform);
    if (field.transform.empty()) {
      place.Refuse(item.Path("transform"),
                   fmt::format("is no transform of Iceberg: \"{}\"", transform));
    }
    if (!names.insert(field.name).second) {
      place.Refuse(item.Path("name"), "is used more than once in the partition spec");
    }
    if (field.field_id != 0 && !ids.insert(field.field_id).second) {
      place.Refuse(item.Path("field-id"), "is used more than once in the partition spec");
    }
    spec.fields.push_back(std::move(field));
  }
  if (!ids.empty() && ids.size() != spec.fields.size()) {
    place.Refuse(fields.Path("fields"), "must all have a field-id, or none");
  }
  return spec;
}

SortOrder ReadSortOrder(RequestPlace& place, const Json& json, const std::string& path) {
  SortOrder order;
  JsonFields fields(place, json, path);
  order.order_id = fields.Int("order-id", std::numeric_limits<int>::min());
  for (const auto& [element, element_path] : fields.Array("fields")) {
    JsonFields item(place, *element, element_path);
    SortField field;
    field.source_id = item.Int("source-id", std::numeric_limits<int>::min());
    const std::string transform = item.Text("transform");
    field.transform = KnownTransform(transform);
    if (field.transform.empty()) {
      place.Refuse(item.Path("transform"),
                   fmt::format("is no transform of Iceberg: \"{}\"", transform));
    }
    field.ascending = item.Word("direction", {"asc", "desc"}) == "asc";
    field.nulls_first = item.Word("null-order", {"nulls-first", "nulls-last"}) == "nulls-first";
    order.fields.push_back(std::move(field));
  }
  if (order.fields.empty() != (order.order_id == 0)) {
    place.Refuse(fields.Path("order-id"), "must be 0 for the unsorted order, and only for it");
  }
  return order;
}
}  // namespace weirhouse::iceberg
