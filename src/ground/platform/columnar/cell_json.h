// One cell of an Arrow column as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::storage {

// A cell as JSON: times as RFC 3339, what JSON lacks as text.
nlohmann::json JsonOfCell(const arrow::ChunkedArray& column, std::int64_t row);
}  // namespace weirhouse::storage
