#include "transform/order_of_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "transform/function_list.h"
#include "transform/resolve.h"
#include "transform/sql_text.h"

namespace weirhouse::transform {

bool ReadsNothing(const nlohmann::json& expression) {
  if (expression.is_object()) {
    const std::string kind = TextOf(expression, "class");
    if (kind == "COLUMN_REF" || kind == "SUBQUERY" || kind == "STAR" ||
        kind == "POSITIONAL_REFERENCE" || kind == "WINDOW") {
      return false;
    }
    if (kind == "FUNCTION") {  // count(*) reads rows, if no column of them
      const FunctionKind function =
          RuleOfFunction(LowerCase(TextOf(expression, "function_name"))).kind;
      if (function == FunctionKind::kAggregate || function == FunctionKind::kExactSum ||
          function == FunctionKind::kOrderedAggregate) {
        return false;
      }
    }
  }
  return !expression.is_structured() ||
         std::all_of(expression.begin(), expression.end(),
                     [](const auto& child) { return ReadsNothing(child); });
}

FrameUnit FrameOf(const nlohmann::json& window) {
  const std::string start = TextOf(window, "start");
  const std::string end = TextOf(window, "end");
  if (start == "UNBOUNDED_PRECEDING" && end == "UNBOUNDED_FOLLOWING") return FrameUnit::kWhole;
  if (start.ends_with("_ROWS") || end.ends_with("_ROWS")) return FrameUnit::kRows;
  return FrameUnit::kPeers;
}

bool TakesEachRow(std::string_view function) {
  return function == "row_number" || function == "ntile" || function == "lag" || function == "lead";
}

bool TakesOneOfFrame(std::string_view function) {
  return function == "first_value" || function == "last_value" || function == "nth_value";
}

bool IsBinaryCollation(std::string_view name) {
  const std::string lower = LowerCase(name);
  return lower == "binary" || lower == "c" || lower == "posix";
}
}  // namespace weirhouse::transform
