// Reads schemas, specs and sort orders from requests and checks every member.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/request/request_place.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// Nested types are converted to the form of Schema. The client's schema id is kept as sent. A
// partition field without an id gets 0.
enum class ColumnIds : std::uint8_t {
  kKept,   // the table's own: not negative, not above kColumnIdMax
  kAnyOf,  // replaced later: must only differ from each other
};
Schema ReadSchema(RequestPlace& place, const nlohmann::json& json, const std::string& path,
                  ColumnIds ids);
PartitionSpec ReadSpec(RequestPlace& place, const nlohmann::json& json, const std::string& path);
SortOrder ReadSortOrder(RequestPlace& place, const nlohmann::json& json, const std::string& path);
}  // namespace weirhouse::iceberg
