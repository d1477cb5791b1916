// Types as JSON, and nested ones taken apart.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// The type that a schema's "type" member names, spelled in the one way we compare by. Version 3's
// timestamp_ns, timestamptz_ns, unknown, variant, geometry and geography are known too. Errors:
// kCorruption (WH7050) for a word that is no type, or nesting deeper than 64 levels.
Result<Type> TypeOfJson(const nlohmann::json& json);
Result<Field> FieldOfJson(const nlohmann::json& json);

inline bool IsNestedType(const Type& type) { return !type.name.empty() && type.name[0] == '{'; }

// What is inside: a struct's fields, a list's "element", a map's "key" and "value".
struct NestedType {
  enum class Kind : std::uint8_t { kStruct, kList, kMap };
  Kind kind = Kind::kStruct;
  std::vector<Field> fields;
};
Result<NestedType> TakeApart(const Type& type);

// The field with `id` at any depth.
std::optional<Field> FindAtAnyDepth(const Schema& schema, int id);
}  // namespace weirhouse::iceberg
