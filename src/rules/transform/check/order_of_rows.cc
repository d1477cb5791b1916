#include "rules/transform/check/order_of_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "rules/transform/check/resolve.h"
#include "rules/transform/function_list.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {

namespace {
using Json = nlohmann::json;
}  // namespace

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
bool ChoosesOneOfEquals(std::string_view function) {
  static constexpr std::string_view kChoosing[] = {
      "min", "max", "median", "quantile", "quantile_cont", "quantile_disc", "mad", "lag", "lead"};
  return RuleOfFunction(function).kind == FunctionKind::kOrderedAggregate ||
         TakesOneOfFrame(function) ||
         std::find(std::begin(kChoosing), std::end(kChoosing), function) != std::end(kChoosing);
}

bool SameExpression(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, member] : a.items()) {
      if (key == "query_location" || key == "alias") continue;
      if (!b.contains(key) || !SameExpression(member, b.at(key))) return false;
    }
    return a.size() == b.size();
  }
  if (a.is_array() && b.is_array()) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameExpression);
  }
  return a == b;
}

bool HasAggregate(const Json& node) {
  if (node.is_object()) {
    if (TextOf(node, "class") == "SUBQUERY") return false;
    if (TextOf(node, "class") == "FUNCTION") {
      const FunctionKind kind = RuleOfFunction(LowerCase(TextOf(node, "function_name"))).kind;
      if (kind == FunctionKind::kAggregate || kind == FunctionKind::kExactSum ||
          kind == FunctionKind::kOrderedAggregate) {
        return true;
      }
    }
  }
  return node.is_structured() && std::any_of(node.begin(), node.end(),
                                             [](const Json& child) { return HasAggregate(child); });
}

bool HasWindow(const Json& node) {
  if (node.is_object() && TextOf(node, "class") == "WINDOW") return true;
  return node.is_structured() &&
         std::any_of(node.begin(), node.end(), [](const Json& child) { return HasWindow(child); });
}

std::optional<Json> GroupExpressions(const Json& query) {
  if (ListOf(query, "group_sets").size() > 1) return std::nullopt;
  const Json& items = ListOf(query, "select_list");
  Json list = Json::array();
  if (TextOf(query, "aggregate_handling") == "FORCE_AGGREGATES") {  // GROUP BY ALL
    for (const Json& item : items) {
      if (!HasAggregate(item) && !HasWindow(item)) list.push_back(item);
    }
    return list;
  }
  for (const Json& group : ListOf(query, "group_expressions")) {
    const Json* expression = &group;
    const Json place = group.contains("value") ? group["value"].value("value", Json()) : Json();
    if (TextOf(group, "class") == "CONSTANT" && place.is_number_integer()) {
      const auto index = place.get<std::size_t>();
      if (index >= 1 && index <= items.size()) expression = &items[index - 1];
    }
    list.push_back(*expression);
  }
  return list;
}

bool IsGrouped(const Json& query) {
  return !ListOf(query, "group_expressions").empty() || !ListOf(query, "group_sets").empty() ||
         TextOf(query, "aggregate_handling") == "FORCE_AGGREGATES";
}
}  // namespace weirhouse::transform
