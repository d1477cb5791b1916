// Integers of JSON that other engines wrote, never cut short: nlohmann's get<int>() takes 1.5 and
// 4294967297 for 1. All throw nlohmann::json::exception, which names the member.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace weirhouse::iceberg {

// `value`, which stands under `key` (for the message only).
std::int64_t LongOfJson(const nlohmann::json& value, const char* key);
// Ids of schemas, fields, specs and orders are 32 bits wide (Iceberg specification, "Table Metadata
// Fields").
int IdOfJson(const nlohmann::json& value, const char* key);
}  // namespace weirhouse::iceberg
