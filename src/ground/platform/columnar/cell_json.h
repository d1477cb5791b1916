// Numbers and cells of Arrow columns as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::platform {

// `number` as JSON. NaN and the infinities, which JSON lacks, become the strings "NaN", "Infinity"
// and "-Infinity", never null.
nlohmann::json NumberToJson(double number);
// One cell as JSON: times as RFC 3339, types that JSON lacks as text. Cost: O(1). Threads: any.
nlohmann::json CellToJson(const arrow::ChunkedArray& column, std::int64_t row);
}  // namespace weirhouse::platform
