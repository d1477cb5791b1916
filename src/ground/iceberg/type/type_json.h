// Types and fields as metadata and requests write them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

inline constexpr int kTypeDepthMax = 64;  // of types inside each other

// The type that a schema's "type" member names. Version 3's timestamp_ns, timestamptz_ns, unknown,
// variant, geometry and geography are known too. Errors: kCorruption (WH7050) for a word that is no
// type, a nested type that lacks what it must have, or nesting deeper than 64 levels.
Result<Type> TypeOfJson(const nlohmann::json& json);
Result<Field> FieldOfJson(const nlohmann::json& json);
// A primitive type by its name: boolean int long float double decimal(p,s) date time timestamp
// timestamptz string uuid fixed[n] binary, and those of version 3.
std::optional<Type> PrimitiveOf(std::string_view name);

nlohmann::json JsonOf(const Type& type);
nlohmann::json JsonOf(const Field& field);
}  // namespace weirhouse::iceberg
