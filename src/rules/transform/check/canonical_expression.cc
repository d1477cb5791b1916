#include "rules/transform/check/canonical_expression.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ground/base/text.h"
#include "rules/transform/check/order_of_rows.h"
#include "rules/transform/check/resolve.h"
#include "rules/transform/check/run_time.h"
#include "rules/transform/finding.h"
#include "rules/transform/function_list.h"

namespace weirhouse::transform {
namespace {

using Json = nlohmann::json;
using Type = std::shared_ptr<arrow::DataType>;

bool HoldsFloat(const arrow::DataType& type) {
  return arrow::is_floating(type.id()) ||
         std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HoldsFloat(*field->type()); });
}

bool Reads(const Json& node, std::string_view function) {
  if (node.is_object() && LowerCase(TextOf(node, "function_name")) == function) return true;
  return node.is_structured() && std::any_of(node.begin(), node.end(), [&](const Json& child) {
           return Reads(child, function);
         });
}

// Only base tables: every column is canonical, and none is nested.
bool IsOfBaseTables(const Json& from) {
  const std::string type = TextOf(from, "type");
  if (type == "JOIN") return IsOfBaseTables(from["left"]) && IsOfBaseTables(from["right"]);
  return type == "EMPTY" || (type == "BASE_TABLE" && !TextOf(from, "schema_name").empty());
}

// Functions that combine values without computing any.
bool IsConstructor(const Json& node) {
  static constexpr std::string_view kNames[] = {"struct_pack", "row", "list_value", "list_pack",
                                                "array_value"};
  return std::find(std::begin(kNames), std::end(kNames),
                   LowerCase(TextOf(node, "function_name"))) != std::end(kNames);
}

// Replaces every occurrence of `place` in a tree by `by`.
void Substitute(Json& node, const Json& place, const Json& by) {
  if (node.is_object() && TextOf(node, "class") == "SUBQUERY") return;
  if (node.is_object() && node.contains("class") && SameExpression(node, place)) {
    const std::string alias = TextOf(node, "alias");
    node = by;
    node["alias"] = alias;
    return;
  }
  if (!node.is_structured()) return;
  for (Json& child : node) Substitute(child, place, by);
}

// The canonical form of an expression, by type.
class Forms {
 public:
  explicit Forms(platform::SqlSession& session) : session_(session) {}

  Result<Json> Of(const Json& expression, const arrow::DataType& type) {
    const std::string name = type.id() == arrow::Type::FLOAT ? "FLOAT" : "DOUBLE";
    const std::string sum = fmt::format("x + CAST(0 AS {})", name);
    // unnest is not allowed in a CASE.
    return Filled(Reads(expression, "unnest")
                      ? fmt::format("SELECT {}", sum)
                      : fmt::format("SELECT CASE WHEN isnan(x) THEN CAST('nan' AS {}) ELSE {} END",
                                    name, sum),
                  expression);
  }
  // A scalar subquery that gives `expression` over `from`.
  Result<Json> SubqueryOf(const Json& expression, const Json& from) {
    WEIRHOUSE_TRY(Json subquery, Filled("SELECT (SELECT x)", expression));
    subquery["subquery"]["node"]["from_table"] = from;
    return subquery;
  }
  // Whether the expression was made by Of.
  Result<bool> Made(const Json& expression) {
    if (TextOf(expression, "class") != "CASE" || !IsSet(expression, "else_expr")) return false;
    const Json& sum = expression["else_expr"];
    const Json& parts = ListOf(sum, "children");
    if (parts.size() != 2) return false;
    for (const Type& type : {arrow::float64(), arrow::float32()}) {
      WEIRHOUSE_TRY(const Json form, Of(parts[0], *type));
      if (SameExpression(form, expression)) return true;
    }
    return false;
  }

 private:
  Result<Json> Filled(const std::string& sql, const Json& expression) {
    if (!templates_.contains(sql)) {
      WEIRHOUSE_TRY(const std::string text, session_.ParseToJson(sql));
      templates_[sql] = Json::parse(text)["statements"][0]["node"]["select_list"][0];
    }
    Json form = templates_[sql];
    Json inner = expression;
    inner["alias"] = "";
    Fill(form, inner);
    return form;
  }
  static void Fill(Json& node, const Json& expression) {
    if (node.is_object() && TextOf(node, "class") == "COLUMN_REF") {
      node = expression;
      return;
    }
    if (!node.is_structured()) return;
    for (Json& child : node) Fill(child, expression);
  }

  platform::SqlSession& session_;
  std::map<std::string, Json> templates_;
};

class Canonicalizer {
 public:
  Canonicalizer(platform::SqlSession& session, Json& tree, const SqlText& source)
      : session_(session), forms_(session), tree_(tree), source_(source) {}

  Result<std::vector<Diagnostic>> Run() {
    shell_ = tree_;
    WEIRHOUSE_TRY_STATUS(Query(tree_["statements"][0]["node"], Json::array(), true));
    return std::move(findings_);
  }

 private:
  // A place that chooses one of equal values of an expression, or lists them.
  struct Choice {
    Json* place;
    Json* function;  // the call that it is an argument of; null: the query itself
    Json expression;
    std::string word;
  };

  Status Query(Json& node, Json ctes, bool is_result);
  Status Ctes(Json& node, Json& ctes);
  Status Select(Json& node, const Json& ctes, bool is_result);
  Status Subqueries(Json& node, const Json& ctes);
  Status Groups(Json& node, const Json& ctes);
  Status Arguments(Json& node, const Json& ctes);
  Status Items(Json& node, const Json& ctes);
  void Collect(Json& node, std::vector<Choice>& choices);
  void AddChoice(Json& place, Json* function, const std::string& word,
                 std::vector<Choice>& choices);
  Result<Type> FloatToSettle(const Json& expression, const std::string& word, const Json& node,
                             const Json& ctes);
  Result<std::optional<Type>> TypeOf(const Json& expression, const Json& node, const Json& ctes);
  Result<std::shared_ptr<arrow::Schema>> Describe(Json node, const Json& ctes);

  platform::SqlSession& session_;
  Forms forms_;
  Json& tree_;
  Json shell_;  // a statement to put queries into
  const SqlText& source_;
  std::vector<Json> outer_;  // FROM clauses around the query, the nearest last
  std::vector<Diagnostic> findings_;
};

Status Canonicalizer::Query(Json& node, Json ctes, bool is_result) {
  WEIRHOUSE_TRY_STATUS(Ctes(node, ctes));
  const std::string type = TextOf(node, "type");
  if (type == "SELECT_NODE") return Select(node, ctes, is_result);
  for (const char* key : {"left", "right"}) {
    if (IsSet(node, key)) WEIRHOUSE_TRY_STATUS(Query(node[key], ctes, false));
  }
  if (!node.contains("children") || !node["children"].is_array()) return Status::Ok();
  for (Json& child : node["children"]) WEIRHOUSE_TRY_STATUS(Query(child, ctes, false));
  return Status::Ok();
}

Status Canonicalizer::Ctes(Json& node, Json& ctes) {
  if (!node.contains("cte_map") || !node["cte_map"].contains("map")) return Status::Ok();
  for (Json& entry : node["cte_map"]["map"]) {
    Json& query = entry["value"]["query"]["node"];
    Json inner = ctes;
    if (TextOf(query, "type") == "RECURSIVE_CTE_NODE") {  // it reads itself: its first part
      Json self = entry;
      self["value"]["query"]["node"] = query["left"];
      inner.push_back(std::move(self));
    }
    WEIRHOUSE_TRY_STATUS(Query(query, std::move(inner), false));
    ctes.push_back(entry);
  }
  return Status::Ok();
}

Status Canonicalizer::Select(Json& node, const Json& ctes, bool is_result) {
  WEIRHOUSE_TRY_STATUS(Subqueries(node["from_table"], ctes));
  outer_.push_back(node["from_table"]);
  for (const char* key :
       {"select_list", "where_clause", "group_expressions", "having", "qualify", "modifiers"}) {
    if (node.contains(key)) WEIRHOUSE_TRY_STATUS(Subqueries(node[key], ctes));
  }
  outer_.pop_back();
  if (IsGrouped(node)) WEIRHOUSE_TRY_STATUS(Groups(node, ctes));
  WEIRHOUSE_TRY_STATUS(Arguments(node, ctes));
  const Json& modifiers = ListOf(node, "modifiers");
  const bool chooses = std::any_of(modifiers.begin(), modifiers.end(), [](const Json& modifier) {
    return TextOf(modifier, "type") != "ORDER_MODIFIER";
  });
  // The result itself is made canonical when it is read.
  return is_result && !chooses ? Status::Ok() : Items(node, ctes);
}

Status Canonicalizer::Subqueries(Json& node, const Json& ctes) {
  if (!node.is_structured()) return Status::Ok();
  if (node.is_object() && IsSet(node, "subquery") && node["subquery"].contains("node")) {
    WEIRHOUSE_TRY_STATUS(Query(node["subquery"]["node"], ctes, false));
    return node.contains("child") ? Subqueries(node["child"], ctes) : Status::Ok();
  }
  for (Json& child : node) WEIRHOUSE_TRY_STATUS(Subqueries(child, ctes));
  return Status::Ok();
}

Status Canonicalizer::Groups(Json& node, const Json& ctes) {
  Json plain = node;  // each expression counts, in whatever sets it is
  plain["group_sets"] = Json::array();
  Json groups = GroupExpressions(plain).value_or(Json::array());
  for (Json& group : groups) {
    const Json& names = ListOf(group, "column_names");
    for (const Json& item : ListOf(node, "select_list")) {  // an alias of the select list
      if (names.size() == 1 &&
          LowerCase(TextOf(item, "alias")) == LowerCase(names[0].get<std::string>())) {
        group = item;
        break;
      }
    }
    WEIRHOUSE_TRY(const Type type, FloatToSettle(group, "GROUP BY", node, ctes));
    if (type == nullptr) continue;
    WEIRHOUSE_TRY(const Json canonical, forms_.Of(group, *type));
    for (const char* key : {"select_list", "group_expressions", "having", "qualify", "modifiers"}) {
      if (node.contains(key)) Substitute(node[key], group, canonical);
    }
  }
  return Status::Ok();
}

// A value that a call combines is chosen part by part.
void Canonicalizer::AddChoice(Json& place, Json* function, const std::string& word,
                              std::vector<Choice>& choices) {
  if (ReadsNothing(place)) return;
  if (IsConstructor(place)) {
    for (Json& part : place["children"]) AddChoice(part, function, word, choices);
    return;
  }
  choices.push_back({&place, function, place, word});
}

// Innermost first, so that no place moves before it is handled.
void Canonicalizer::Collect(Json& node, std::vector<Choice>& choices) {
  if (!node.is_structured()) return;
  if (node.is_object() && TextOf(node, "class") == "SUBQUERY") return;
  for (Json& child : node) Collect(child, choices);
  if (!node.is_object()) return;
  const std::string name = LowerCase(TextOf(node, "function_name"));
  if (ChoosesOneOfEquals(name) && node.contains("children")) {
    for (Json& argument : node["children"]) AddChoice(argument, &node, name, choices);
  }
  if (!ListOf(node, "distinct_on_targets").empty()) {
    for (Json& target : node["distinct_on_targets"]) {
      AddChoice(target, nullptr, "DISTINCT ON", choices);
    }
  }
}

Status Canonicalizer::Arguments(Json& node, const Json& ctes) {
  std::vector<Choice> choices;
  for (const char* key : {"select_list", "having", "qualify", "modifiers"}) {
    if (node.contains(key)) Collect(node[key], choices);
  }
  std::vector<Type> types;  // asked for before anything is changed
  for (const Choice& choice : choices) {
    WEIRHOUSE_TRY(Type type, FloatToSettle(choice.expression, choice.word, node, ctes));
    types.push_back(std::move(type));
  }
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (types[i] == nullptr) continue;
    Json& place = *choices[i].place;
    const std::string alias = TextOf(place, "alias");
    WEIRHOUSE_TRY(Json canonical, forms_.Of(place, *types[i]));
    for (const char* key : {"order_bys", "arg_orders"}) {  // DISTINCT wants them to read the same
      if (choices[i].function != nullptr && choices[i].function->contains(key)) {
        Substitute((*choices[i].function)[key], choices[i].expression, canonical);
      }
    }
    place = std::move(canonical);
    place["alias"] = alias;
  }
  return Status::Ok();
}

Status Canonicalizer::Items(Json& node, const Json& ctes) {
  Json& items = node["select_list"];
  const bool computes = std::any_of(items.begin(), items.end(), [](const Json& item) {
    const std::string kind = TextOf(item, "class");
    return kind != "COLUMN_REF" && kind != "STAR" && kind != "CONSTANT";
  });
  if (!computes) return Status::Ok();
  WEIRHOUSE_TRY(const auto schema, Describe(node, ctes));
  if (schema == nullptr) return Status::Ok();
  std::vector<int> widths;
  int fields = 0;
  for (const Json& item : items) {
    Json alone = node;
    alone["select_list"] = Json::array({item});
    const bool is_star = TextOf(item, "class") == "STAR" || Reads(item, "unnest");
    WEIRHOUSE_TRY(const auto stars, is_star ? Describe(std::move(alone), ctes)
                                            : Result<std::shared_ptr<arrow::Schema>>(nullptr));
    widths.push_back(stars == nullptr ? 1 : stars->num_fields());
    fields += widths.back();
  }
  if (fields != schema->num_fields()) {
    return Status(Code::kInternal, "a query has other columns than its items");
  }
  int at = 0;
  for (std::size_t i = 0; i < items.size(); at += widths[i], ++i) {
    Json& item = items[i];
    const arrow::Field& field = *schema->field(at);
    const std::string kind = TextOf(item, "class");
    if (kind == "COLUMN_REF" || kind == "STAR" || widths[i] != 1) continue;
    if (!arrow::is_floating(field.type()->id())) continue;
    WEIRHOUSE_TRY(const bool made, forms_.Made(item));
    if (made) continue;
    const Json written = item;
    WEIRHOUSE_TRY(Json canonical, forms_.Of(item, *field.type()));
    if (node.contains("modifiers")) Substitute(node["modifiers"], written, canonical);
    canonical["alias"] = field.name();  // also of an item that had no name of its own
    item = std::move(canonical);
  }
  return Status::Ok();
}

// FLOAT or DOUBLE if a place that chooses `expression` must get its canonical form; null if not.
Result<Type> Canonicalizer::FloatToSettle(const Json& expression, const std::string& word,
                                          const Json& node, const Json& ctes) {
  const bool is_column = TextOf(expression, "class") == "COLUMN_REF";
  if (ReadsNothing(expression) || (is_column && IsOfBaseTables(node["from_table"]))) return Type();
  WEIRHOUSE_TRY(const bool made, forms_.Made(expression));
  if (made) return Type();
  WEIRHOUSE_TRY(const auto type, TypeOf(expression, node, ctes));
  if (!type || !HoldsFloat(**type)) return Type();
  if (arrow::is_floating((*type)->id())) return is_column ? Type() : *type;
  findings_.push_back(
      Finding("WH2106", source_.SpanOfToken(OffsetOf(expression, source_)),
              fmt::format("{} of a {} is not deterministic", word, (*type)->ToString()),
              "0.0 and -0.0 are equal, and which one it gives depends on the rows' order",
              "choose by its parts, or by its text: CAST(… AS VARCHAR)"));
  return Type();
}

// The type of `expression` in the query `node`; nothing if it cannot be found.
Result<std::optional<Type>> Canonicalizer::TypeOf(const Json& expression, const Json& node,
                                                  const Json& ctes) {
  Json alone = node;
  for (const char* key : {"having", "qualify", "where_clause"}) alone[key] = nullptr;
  alone["modifiers"] = Json::array();
  alone["select_list"] = Json::array({expression});
  Json ungrouped = alone;
  ungrouped["group_expressions"] = Json::array();
  ungrouped["group_sets"] = Json::array();
  ungrouped["aggregate_handling"] = "STANDARD_HANDLING";
  WEIRHOUSE_TRY(auto schema, Describe(ungrouped, ctes));
  if (schema == nullptr) {  // it holds aggregates
    alone["group_expressions"] = GroupExpressions(node).value_or(Json::array());
    alone["aggregate_handling"] = "STANDARD_HANDLING";
    WEIRHOUSE_TRY(schema, Describe(alone, ctes));
  }
  for (auto outer = outer_.rbegin(); schema == nullptr && outer != outer_.rend(); ++outer) {
    // It reads columns of an outer query.
    WEIRHOUSE_TRY(const Json inner,
                  forms_.SubqueryOf(ungrouped["select_list"][0], ungrouped["from_table"]));
    ungrouped["select_list"] = Json::array({inner});
    ungrouped["from_table"] = *outer;
    WEIRHOUSE_TRY(schema, Describe(ungrouped, ctes));
  }
  if (schema == nullptr || schema->num_fields() != 1) return std::optional<Type>();
  return std::optional(schema->field(0)->type());
}

// nullptr if the engine refuses the query.
Result<std::shared_ptr<arrow::Schema>> Canonicalizer::Describe(Json node, const Json& ctes) {
  node["cte_map"] = {{"map", ctes}};
  BindRunTimeInTree(node);
  shell_["statements"][0]["node"] = std::move(node);
  const auto sql = session_.JsonToSql(shell_.dump());
  if (!sql.ok()) return std::shared_ptr<arrow::Schema>();
  auto schema = session_.Describe(*sql);
  if (!schema.ok()) return std::shared_ptr<arrow::Schema>();
  return schema;
}

}  // namespace

Result<std::vector<Diagnostic>> CanonicalExpressions(platform::SqlSession& session, Json& tree,
                                                     const SqlText& source) {
  return Canonicalizer(session, tree, source).Run();
}
}  // namespace weirhouse::transform
