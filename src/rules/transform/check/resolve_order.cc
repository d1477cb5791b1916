// Ties: where SQL takes rows in an order, the order is made total, so that the result depends only
// on the rows. Appended columns appear in lineage, and count as read, as if they had been written.
//
//   LIMIT, OFFSET, DISTINCT ON           ORDER BY x        → x, then every column of the result
//   list, string_agg, … (x ORDER BY o)   inside            → o, then the arguments
//   first_value, last_value, nth_value   inside, so that the frame stays as it is
//   row_number, ntile, lag, lead         OVER (ORDER BY o) → o, then every column of the rows
//   any aggregate over a ROWS frame      the same
//
// Rows that are equal in everything appended are the same row to the query, so their order does not
// matter. Nothing is appended where equal rows give equal results: rank and related functions,
// RANGE and GROUPS frames, whole partitions.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/check/order_of_rows.h"
#include "rules/transform/check/resolver.h"
#include "rules/transform/finding.h"
#include "rules/transform/function_list.h"

namespace weirhouse::transform {
namespace {

using Json = nlohmann::json;

void AppendOrder(Json& orders, Json expression) {
  for (const Json& order : orders) {
    if (SameExpression(order["expression"], expression)) return;
  }
  expression["alias"] = "";
  orders.push_back({{"type", "ORDER_DEFAULT"},
                    {"null_order", "ORDER_DEFAULT"},
                    {"expression", std::move(expression)}});
}

void AppendArguments(const Json& node, Json& orders) {
  for (const Json& argument : ListOf(node, "children")) {
    if (!ReadsNothing(argument)) AppendOrder(orders, argument);
  }
}

// Whether orders and partitions name each column of `key` of the query's only table.
bool OrdersByKey(const Json& node, const std::vector<std::string>& key) {
  std::vector<std::string> named;
  const auto add = [&](const Json& expression) {
    const Json& names = ListOf(expression, "column_names");
    if (!names.empty()) named.push_back(LowerCase(names.back().get<std::string>()));
  };
  for (const Json& partition : ListOf(node, "partitions")) add(partition);
  for (const Json& order : ListOf(node, "orders")) add(order["expression"]);
  return !key.empty() && std::all_of(key.begin(), key.end(), [&](const std::string& column) {
    return std::find(named.begin(), named.end(), LowerCase(column)) != named.end();
  });
}

}  // namespace

void Resolver::CannotOrder(const Json& node, const std::string& note, const std::string& hint) {
  result_.findings.push_back(Finding(
      "WH2106", source_.SpanOfToken(OffsetOf(node, source_)),
      fmt::format("\"{}\" is not deterministic", TextOf(node, "function_name")), note, hint));
}

// The columns of the rows in a query's FROM; std::nullopt (and a finding) if one cannot be named.
std::optional<Json> Resolver::ColumnsOfRows(const Json& node, const Scope& scope) {
  const bool unknown_fields =
      std::any_of(source_.tokens().begin(), source_.tokens().end(),
                  [](const Token& token) { return token.Name() == iceberg::kUnknownColumn; });
  Json columns = Json::array();
  for (const ScopeTable& table : scope.tables) {
    const std::string shown = table.alias.empty() ? "a subquery" : table.alias;
    if (!table.relation.known) {
      CannotOrder(node,
                  fmt::format("its ties cannot be told apart: the columns of {} are not known "
                              "before it runs",
                              shown),
                  "name the columns of the subquery one by one");
      return std::nullopt;
    }
    std::set<std::string> seen;
    for (const ResolvedColumn& column : table.relation.columns) {
      const bool hidden = table.base != nullptr && iceberg::IsHidden(column.name);
      if (hidden && !(unknown_fields && column.name == iceberg::kUnknownColumn)) continue;
      if (column.name.empty() || !seen.insert(LowerCase(column.name)).second) {
        CannotOrder(
            node,
            fmt::format("its ties cannot be told apart: {} of {}",
                        column.name.empty() ? "a column without a name"
                                            : fmt::format("two columns \"{}\"", column.name),
                        shown),
            "name each column of the subquery: … AS name");
        return std::nullopt;
      }
      Json names = Json::array();
      if (!table.schema.empty()) names.push_back(table.schema);
      if (!table.alias.empty()) names.push_back(table.alias);
      names.push_back(column.name);
      columns.push_back({{"class", "COLUMN_REF"},
                         {"type", "COLUMN_REF"},
                         {"alias", ""},
                         {"query_location", node.value("query_location", Json(0))},
                         {"column_names", std::move(names)}});
    }
    if (table.alias.empty() && scope.tables.size() > 1) {
      CannotOrder(node, "its ties cannot be told apart: a subquery has no name",
                  "name it: (SELECT …) AS name");
      return std::nullopt;
    }
  }
  return columns;
}

void Resolver::OrderRows(const Json& node, Json& orders, const Scope& scope) {
  const Scope* at = &scope;
  while (at->query == nullptr && at->outer != nullptr) at = at->outer;  // out of lambdas
  if (at->query == nullptr) return;
  std::optional<Json> columns;
  if (IsGrouped(*at->query)) {
    columns = GroupExpressions(*at->query);
    if (!columns) {
      CannotOrder(node, "its ties cannot be told apart: there are several grouping sets",
                  "group in a subquery, and order its rows outside");
    }
  } else if (HasAggregate((*at->query)["select_list"])) {
    return;  // one row
  } else if (at->tables.size() == 1 && at->tables[0].base != nullptr &&
             OrdersByKey(node, at->tables[0].base->key)) {
    return;
  } else {
    columns = ColumnsOfRows(node, *at);
    if (columns) ProbeEquals(node, TextOf(node, "function_name"), *columns, *at);
  }
  if (!columns) return;
  for (Json& column : *columns) AppendOrder(orders, std::move(column));
}

void Resolver::SettleFunction(Json& node, const Scope& scope) {
  const std::string name = LowerCase(TextOf(node, "function_name"));
  const FunctionKind kind = RuleOfFunction(name).kind;
  if (TextOf(node, "class") == "FUNCTION") {
    if (kind != FunctionKind::kOrderedAggregate || !node.contains("order_bys")) return;
    Json& orders = node["order_bys"]["orders"];
    if (!orders.empty()) AppendArguments(node, orders);
    return;
  }
  Json& orders = node["orders"];
  Json& inside = node["arg_orders"];
  const bool by_rows = FrameOf(node) == FrameUnit::kRows;
  if (TakesEachRow(name)) {
    if (!inside.empty()) {
      OrderRows(node, inside, scope);
    } else if (!orders.empty()) {
      OrderRows(node, orders, scope);
      node["start"] = "UNBOUNDED_PRECEDING";  // such functions have no frame
      node["end"] = "CURRENT_ROW_RANGE";
      node["start_expr"] = nullptr;
      node["end_expr"] = nullptr;
      return;
    }
  }
  const bool takes_first = TakesOneOfFrame(name);
  if (takes_first || kind == FunctionKind::kOrderedAggregate) {
    if (inside.empty() && !node.value("distinct", false)) inside = orders;
    if (!inside.empty()) AppendArguments(node, inside);
  }
  if (by_rows && !orders.empty()) OrderRows(node, orders, scope);
}

// Functions that return one of several equal values, or list them.
void Resolver::ProbeFunction(const Json& node, const Scope& scope) {
  const std::string name = LowerCase(TextOf(node, "function_name"));
  if (!ChoosesOneOfEquals(name)) return;
  Json arguments = Json::array();
  for (const Json& argument : ListOf(node, "children")) {
    if (!ReadsNothing(argument) || TextOf(argument, "class") != "CONSTANT") {
      arguments.push_back(argument);
    }
  }
  ProbeEquals(node, name, std::move(arguments), scope);
}

void Resolver::SettleResult(Json& node, const Relation& output, const Scope& scope) {
  Json* orders = nullptr;
  bool chooses = false;
  if (const auto groups = IsGrouped(node) && ListOf(node, "group_sets").size() <= 1
                              ? GroupExpressions(node)
                              : std::optional<Json>(ListOf(node, "group_expressions"));
      groups && !groups->empty()) {
    Json expressions = *groups;
    for (Json& group : expressions) {  // an alias of the select list
      const Json& names = ListOf(group, "column_names");
      if (names.size() != 1) continue;
      for (const Json& item : ListOf(node, "select_list")) {
        if (LowerCase(TextOf(item, "alias")) == LowerCase(names[0].get<std::string>())) {
          group = item;
          break;
        }
      }
    }
    const Json first = expressions.front();
    ProbeEquals(first, "GROUP BY", std::move(expressions), scope);
  }
  for (const Json& modifier : ListOf(node, "modifiers")) {
    const std::string type = TextOf(modifier, "type");
    if (type == "DISTINCT_MODIFIER") ProbeResult(node, "DISTINCT", scope);
    if (type.starts_with("LIMIT")) ProbeResult(node, "LIMIT", scope);
  }
  if (!node.contains("modifiers")) return;
  for (Json& modifier : node["modifiers"]) {
    const std::string type = TextOf(modifier, "type");
    if (type == "ORDER_MODIFIER") orders = &modifier["orders"];
    chooses =
        chooses || type.starts_with("LIMIT") || !ListOf(modifier, "distinct_on_targets").empty();
  }
  if (orders == nullptr || orders->empty()) return;
  if (Json& order = orders->front()["expression"]; TextOf(order, "class") == "STAR") {
    order["exclude_list"] = Json::array();  // ORDER BY ALL: of the result, not of the tables
    return;
  }
  if (!chooses) return;
  const Json first = orders->front()["expression"];
  if (!output.known) {
    result_.findings.push_back(
        Finding("WH2106", source_.SpanOfToken(OffsetOf(first, source_)),
                "LIMIT and DISTINCT ON are not deterministic here",
                "ties cannot be told apart: the columns of the result are not known before it runs",
                "name the columns one by one in an outer SELECT, and order there"));
    return;
  }
  for (std::size_t i = 1; i <= output.columns.size(); ++i) {
    AppendOrder(*orders, {{"class", "CONSTANT"},
                          {"type", "VALUE_CONSTANT"},
                          {"alias", ""},
                          {"query_location", first.value("query_location", Json(0))},
                          {"value",
                           {{"type", {{"id", "INTEGER"}, {"type_info", nullptr}}},
                            {"is_null", false},
                            {"value", i}}}});
  }
}
}  // namespace weirhouse::transform
