#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/format/avro.h"
#include "ground/iceberg/type/json_number.h"

namespace weirhouse::iceberg {
namespace {

constexpr int kSchemaDepthMax = 64;
constexpr std::size_t kSchemaNodesMax = 100'000;

Status MalformedSchema(std::string_view why) {
  return Status(Code::kCorruption, fmt::format("avro schema is malformed: {}", why))
      .WithError("WH7052");
}

const std::map<std::string, AvroType::Kind, std::less<>>& PrimitiveKinds() {
  using Kind = AvroType::Kind;
  static const std::map<std::string, Kind, std::less<>> kinds = {
      {"null", Kind::kNull},     {"boolean", Kind::kBoolean}, {"int", Kind::kInt},
      {"long", Kind::kLong},     {"float", Kind::kFloat},     {"double", Kind::kDouble},
      {"bytes", Kind::kBytes},   {"string", Kind::kString},   {"fixed", Kind::kFixed},
      {"enum", Kind::kEnum},     {"array", Kind::kArray},     {"map", Kind::kMap},
      {"record", Kind::kRecord}, {"error", Kind::kRecord}};
  return kinds;
}

std::string TextOr(const nlohmann::json& json, const char* key, const std::string& otherwise) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : otherwise;
}

int IdOr(const nlohmann::json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number_integer() ? ReadJsonId(*it, key) : -1;
}
}  // namespace

// Turns a schema's JSON into nodes, resolving references to named types.
class AvroSchemaReader {
 public:
  explicit AvroSchemaReader(AvroSchema& schema) : schema_(schema) {}

  Status Read(const nlohmann::json& json) {
    WEIRHOUSE_TRY(schema_.root_, Node(json, "", 0));
    return Status::Ok();
  }

 private:
  Result<const AvroType*> Node(const nlohmann::json& json, const std::string& space, int depth) {
    if (depth > kSchemaDepthMax) return MalformedSchema("more than 64 levels");
    if (schema_.types_.size() >= kSchemaNodesMax) return MalformedSchema("more than 100,000 nodes");
    if (json.is_string()) return Named(json.get<std::string>(), space);
    if (json.is_array()) {
      AvroType& type = schema_.types_.emplace_back();
      type.kind = AvroType::Kind::kUnion;
      for (const nlohmann::json& branch : json) {
        WEIRHOUSE_TRY(const AvroType* node, Node(branch, space, depth + 1));
        type.branches.push_back(node);
      }
      if (type.branches.empty()) return MalformedSchema("a union without branches");
      return &type;
    }
    if (!json.is_object() || !json.contains("type"))
      return MalformedSchema("a node without a type");
    const nlohmann::json& kind = json["type"];
    if (!kind.is_string()) return Node(kind, space, depth + 1);
    return Object(json, kind.get<std::string>(), space, depth);
  }

  Result<const AvroType*> Named(const std::string& name, const std::string& space) {
    if (const auto it = PrimitiveKinds().find(name);
        it != PrimitiveKinds().end() && it->second <= AvroType::Kind::kString) {
      AvroType& type = schema_.types_.emplace_back();
      type.kind = it->second;
      return &type;
    }
    for (const std::string& full : {space.empty() ? name : space + "." + name, name}) {
      if (const auto it = named_.find(full); it != named_.end()) return it->second;
    }
    return MalformedSchema(fmt::format("type \"{}\" is not defined", name));
  }

  Result<const AvroType*> Object(const nlohmann::json& json, const std::string& kind_name,
                                 const std::string& space, int depth) {
    const auto kind = PrimitiveKinds().find(kind_name);
    if (kind == PrimitiveKinds().end()) return Named(kind_name, space);
    AvroType& type = schema_.types_.emplace_back();
    type.kind = kind->second;
    type.logical_type = TextOr(json, "logicalType", "");
    std::string inner_space = space;
    if (type.kind == AvroType::Kind::kRecord || type.kind == AvroType::Kind::kFixed ||
        type.kind == AvroType::Kind::kEnum) {
      inner_space = TextOr(json, "namespace", space);
      std::string name = TextOr(json, "name", "");
      if (name.find('.') == std::string::npos && !inner_space.empty()) {
        name = inner_space + "." + name;
      }
      named_[name] = &type;
    }
    if (type.kind == AvroType::Kind::kFixed) {
      const auto size = json.find("size");
      if (size == json.end() || !size->is_number_integer())
        return MalformedSchema("fixed without size");
      type.fixed_size = size->get<std::int64_t>();
      if (type.fixed_size < 0 || type.fixed_size > 1 << 20)
        return MalformedSchema("fixed of that size");
    } else if (type.kind == AvroType::Kind::kArray || type.kind == AvroType::Kind::kMap) {
      const char* key = type.kind == AvroType::Kind::kArray ? "items" : "values";
      if (!json.contains(key)) return MalformedSchema(fmt::format("{} without {}", kind_name, key));
      WEIRHOUSE_TRY(const AvroType* node, Node(json[key], inner_space, depth + 1));
      type.branches.push_back(node);
    } else if (type.kind == AvroType::Kind::kRecord) {
      WEIRHOUSE_TRY_STATUS(Fields(json, inner_space, depth, type));
    }
    return &type;
  }

  Status Fields(const nlohmann::json& json, const std::string& space, int depth, AvroType& type) {
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array())
      return MalformedSchema("a record without fields");
    for (const nlohmann::json& field : *fields) {
      if (!field.is_object() || !field.contains("type"))
        return MalformedSchema("a field without type");
      AvroType::Field out;
      out.name = TextOr(field, "name", "");
      out.field_id = IdOr(field, "field-id");
      WEIRHOUSE_TRY(out.type, Node(field["type"], space, depth + 1));
      type.fields.push_back(std::move(out));
    }
    return Status::Ok();
  }

  AvroSchema& schema_;
  std::map<std::string, const AvroType*> named_;
};

Result<std::shared_ptr<const AvroSchema>> AvroSchema::Parse(std::string_view json) {
  try {
    const nlohmann::json parsed = nlohmann::json::parse(json);
    auto schema = std::make_shared<AvroSchema>();
    AvroSchemaReader reader(*schema);
    WEIRHOUSE_TRY_STATUS(reader.Read(parsed));
    return std::shared_ptr<const AvroSchema>(std::move(schema));
  } catch (const nlohmann::json::exception& error) {
    return MalformedSchema(error.what());
  }
}

const AvroValue* AvroValue::Find(int id) const {
  if (type == nullptr || type->kind != AvroType::Kind::kRecord) return nullptr;
  for (std::size_t i = 0; i < type->fields.size() && i < items.size(); ++i) {
    if (type->fields[i].field_id == id) return items[i].is_null() ? nullptr : &items[i];
  }
  return nullptr;
}
}  // namespace weirhouse::iceberg
