// Default values of columns (format version 3), as the specification writes single values in JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// Whether `json` is a value of the primitive `type` (spec, appendix D, "JSON single-value
// serialization"): what readers of the table will parse.
bool IsValueOf(const Type& type, const nlohmann::json& json);
}  // namespace weirhouse::iceberg
