// How a function of a syntax tree depends on the order of rows.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace weirhouse::transform {

// Whether an expression is the same for every row, so that it orders nothing.
bool ReadsNothing(const nlohmann::json& expression);

// The unit of a window's frame.
enum class FrameUnit : std::uint8_t {
  kWhole,  // the whole partition
  kPeers,  // RANGE or GROUPS: rows of equal order come and go together
  kRows,   // ROWS: equals are told apart by the order in which they come
};
FrameUnit FrameOf(const nlohmann::json& window);

// Window functions without a frame, whose result depends on the position of each row.
bool TakesEachRow(std::string_view function);  // row_number ntile lag lead
// Window functions that return one row of the frame.
bool TakesOneOfFrame(std::string_view function);  // first_value last_value nth_value

// Functions that return one of several equal values, or list them. `function` in lower case.
bool ChoosesOneOfEquals(std::string_view function);

// Whether two expressions are written the same, ignoring place and alias.
bool SameExpression(const nlohmann::json& a, const nlohmann::json& b);

// Whether `node` has one outside its subqueries.
bool HasAggregate(const nlohmann::json& node);
bool HasWindow(const nlohmann::json& node);

// The expressions that distinguish the groups of a query with GROUP BY, with places (GROUP BY 1)
// and ALL resolved; std::nullopt for several grouping sets.
std::optional<nlohmann::json> GroupExpressions(const nlohmann::json& query);
bool IsGrouped(const nlohmann::json& query);

// Whether texts are equal under the collation only if their bytes are.
bool IsBinaryCollation(std::string_view name);
}  // namespace weirhouse::transform
