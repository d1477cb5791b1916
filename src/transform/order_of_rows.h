// How a function of a syntax tree depends on the order of rows. Private to transform/.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace weirhouse::transform {

// An expression that is the same for every row: it orders nothing.
bool ReadsNothing(const nlohmann::json& expression);

// What the frame of a window counts in.
enum class FrameUnit : std::uint8_t {
  kWhole,  // the whole partition
  kPeers,  // RANGE or GROUPS: rows of equal order come and go together
  kRows,   // ROWS: equals are told apart by the order in which they come
};
FrameUnit FrameOf(const nlohmann::json& window);

// Window functions without a frame, whose result depends on where each single row stands.
bool TakesEachRow(std::string_view function);  // row_number ntile lag lead
// Window functions that take one row out of the frame.
bool TakesOneOfFrame(std::string_view function);  // first_value last_value nth_value

// A collation by which texts are equal only if their bytes are.
bool IsBinaryCollation(std::string_view name);
}  // namespace weirhouse::transform
