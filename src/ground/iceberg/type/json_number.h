// Strict integers in JSON from other engines: nlohmann's get<int>() reads both 1.5 and 4294967297
// as 1. All functions throw nlohmann::json::exception, which names the member.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace weirhouse::iceberg {

// The integer in `value`; `key` is for the message only.
std::int64_t ReadJsonLong(const nlohmann::json& value, const char* key);
// Ids of schemas, fields, specs and orders are 32 bits wide (Iceberg specification, "Table Metadata
// Fields").
int ReadJsonId(const nlohmann::json& value, const char* key);
}  // namespace weirhouse::iceberg
