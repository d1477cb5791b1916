#include "ground/iceberg/update/schema_request.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/request/json_members.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/default_value.h"
#include "ground/iceberg/type/schema_index.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

// Reads one schema with all that is nested in it.
class SchemaReader {
 public:
  SchemaReader(RequestPlace& place, ColumnIds ids) : place_(place), ids_(ids) {}

  // The fields of a struct.
  std::vector<Field> ReadFields(JsonFields& type);

 private:
  Type ReadType(const Json& json, const std::string& path);
  Field ReadField(JsonFields field);
  // The "element" of a list, the "key" or "value" of a map.
  Field ReadPart(JsonFields& type, const std::string& name);
  Type ReadPrimitive(const std::string& name, const std::string& path);
  std::string ReadDefault(JsonFields& field, const char* key, const Type& type);
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
    place_.Refuse(fields.Path(key), fmt::format("is {}, which another column has too", id));
  }
  return id;
}

Type SchemaReader::ReadPrimitive(const std::string& name, const std::string& path) {
  const std::string lower = LowerCase(name);
  // Names of coordinate systems are in capitals.
  if (const auto type = ParsePrimitiveType(lower.starts_with("geo") ? name : lower)) return *type;
  place_.Refuse(path, fmt::format("is not a type of Iceberg: \"{}\"", name));
  return {};
}

Field SchemaReader::ReadPart(JsonFields& type, const std::string& name) {
  Field part;
  part.id = ReadId(type, (name + "-id").c_str());
  if (name != "key") part.required = type.Bool((name + "-required").c_str());
  part.type = ReadType(type.Any(name.c_str()), type.Path(name));
  return part;
}

Type SchemaReader::ReadType(const Json& json, const std::string& path) {
  if (json.is_string()) return ReadPrimitive(json.get<std::string>(), path);
  JsonFields type(place_, json, path);
  if (!json.is_object()) return {};  // refused
  const std::string kind = type.Word("type", {"struct", "list", "map"});
  if (kind == "list") return Type::List(ReadPart(type, "element"));
  if (kind == "map") {
    Field key = ReadPart(type, "key");
    return Type::Map(std::move(key), ReadPart(type, "value"));
  }
  return kind == "struct" ? Type::Struct(ReadFields(type)) : Type();
}

std::vector<Field> SchemaReader::ReadFields(JsonFields& type) {
  std::vector<Field> fields;
  std::set<std::string> names;
  for (const auto& [json, path] : type.Array("fields")) {
    fields.push_back(ReadField(JsonFields(place_, *json, path)));
    if (!names.insert(fields.back().name).second) {
      place_.Refuse(path, fmt::format("has the same name as another field of the struct: \"{}\"",
                                      fields.back().name));
    }
  }
  return fields;
}

Field SchemaReader::ReadField(JsonFields json) {
  Field field;
  field.id = ReadId(json, "id");
  field.name = json.Text("name");
  field.required = json.Bool("required");
  field.type = ReadType(json.Any("type"), json.Path("type"));
  field.doc = json.OptionalText("doc");
  field.initial_default = ReadDefault(json, "initial-default", field.type);
  field.write_default = ReadDefault(json, "write-default", field.type);
  if (field.type.kind() == TypeKind::kUnknown && field.required) {
    place_.Refuse(json.Path("required"), "must be false: a column of unknown type holds nulls");
  }
  return field;
}

std::string SchemaReader::ReadDefault(JsonFields& field, const char* key, const Type& type) {
  if (!field.Has(key)) return "";
  const Json& value = field.Any(key);
  if (!type.is_nested() && IsValueOf(type, value)) return value.dump();
  place_.Refuse(field.Path(key), fmt::format("is not a value of type {}", JsonOf(type).dump()));
  return "";
}

int DepthOf(const Type& type) {
  int depth = 0;
  for (const Field& field : type.fields()) depth = std::max(depth, 1 + DepthOf(field.type));
  return depth;
}

// An identifier must have a value in every row, and that value must equal itself.
void CheckIdentifiers(JsonFields& json, const Schema& schema) {
  if (schema.identifier_field_ids.empty()) return;
  const SchemaIndex index(schema);
  for (const int id : schema.identifier_field_ids) {
    const auto refuse = [&](std::string_view why) {
      json.place().Refuse(json.Path("identifier-field-ids"), fmt::format("names {}, {}", id, why));
    };
    const IndexedColumn* column = index.ById(id);
    if (column == nullptr) return refuse("which is not a column");
    if (column->type.is_nested()) return refuse("whose type is nested");
    if (!column->required || !column->ancestors_required) return refuse("which may be null");
    if (!column->only_in_structs) return refuse("which is inside a list or map");
    if (column->type.kind() == TypeKind::kFloat || column->type.kind() == TypeKind::kDouble) {
      return refuse("whose type is float or double");
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
  schema.fields = reader.ReadFields(fields);
  if (!place.ok()) return schema;
  for (const Field& field : schema.fields) {
    if (DepthOf(field.type) <= kTypeDepthMax) continue;
    place.Refuse(path, fmt::format("field \"{}\": table schema is malformed: types are nested "
                                   "deeper than {} levels",
                                   field.name, kTypeDepthMax));
    return schema;
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
                   fmt::format("is not a transform of Iceberg: \"{}\"", transform));
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
                   fmt::format("is not a transform of Iceberg: \"{}\"", transform));
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
