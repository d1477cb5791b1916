// Default values of columns (format version 3), in the specification's JSON form of single values.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// Whether `json` is a value of the primitive `type` (Apache Iceberg table spec, appendix D, "JSON
// single-value serialization"), as readers of the table will parse it.
bool IsValueOf(const Type& type, const nlohmann::json& json);
}  // namespace weirhouse::iceberg
