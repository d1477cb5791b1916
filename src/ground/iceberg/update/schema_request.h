// Schemas, specs and orders as requests state them, every member checked.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/request/request_place.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// Nested types are brought to the form in which Schema keeps them. A schema's id is what the client thinks
// it is. A partition field without an id has 0.
enum class ColumnIds : std::uint8_t {
  kKept,   // the table's own: not negative, not above kColumnIdMax
  kAnyOf,  // to be assigned anew: only different from each other
};
Schema ReadSchema(RequestPlace& place, const nlohmann::json& json, const std::string& path,
                  ColumnIds ids);
PartitionSpec ReadSpec(RequestPlace& place, const nlohmann::json& json, const std::string& path);
SortOrder ReadSortOrder(RequestPlace& place, const nlohmann::json& json, const std::string& path);
}  // namespace weirhouse::iceberg
