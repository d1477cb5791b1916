// The JSON of types and fields, in metadata and requests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

inline constexpr int kTypeDepthMax = 64;  // of types inside each other

// Parses a schema's "type" member, including version 3's timestamp_ns, timestamptz_ns, unknown,
// variant, geometry and geography. Errors: kCorruption (WH7050) for an unknown type, a nested type
// without a required member, or nesting deeper than 64 levels.
Result<Type> ParseType(const nlohmann::json& json);
Result<Field> ParseField(const nlohmann::json& json);
// Parses the name of a primitive type: boolean int long float double decimal(p,s) date time
// timestamp timestamptz string uuid fixed[n] binary, and those of version 3.
std::optional<Type> ParsePrimitiveType(std::string_view name);

nlohmann::json JsonOf(const Type& type);
nlohmann::json JsonOf(const Field& field);
}  // namespace weirhouse::iceberg
