// How a function of a syntax tree depends on the order of rows.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
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

// Functions that return one of several equals, or list them. `function` in lower case.
bool ChoosesOneOfEquals(std::string_view function);

// Two expressions that read the same, wherever they stand and whatever they are called.
bool SameExpression(const nlohmann::json& a, const nlohmann::json& b);

// Outside subqueries.
bool HasAggregate(const nlohmann::json& node);
bool HasWindow(const nlohmann::json& node);

// What tells the groups of a query with GROUP BY apart, places (GROUP BY 1) and ALL resolved;
// std::nullopt for several grouping sets.
std::optional<nlohmann::json> GroupExpressions(const nlohmann::json& query);
bool IsGrouped(const nlohmann::json& query);

// A collation by which texts are equal only if their bytes are.
bool IsBinaryCollation(std::string_view name);
}  // namespace weirhouse::transform
