// Numbers and cells of Arrow columns as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::platform {

// JSON has no NaN and no infinities: they are the strings "NaN", "Infinity" and "-Infinity", never
// null.
nlohmann::json JsonOfNumber(double number);
// A cell as JSON: times as RFC 3339, what JSON lacks as text.
nlohmann::json JsonOfCell(const arrow::ChunkedArray& column, std::int64_t row);
}  // namespace weirhouse::platform
