// Expressions: the columns that they read, and whether those exist.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/check/resolver.h"
#include "rules/transform/finding.h"
#include "rules/transform/function_list.h"

namespace weirhouse::transform {
namespace {

// Functions whose `x -> …` is a lambda; for others `->` reads JSON.
bool TakesLambda(std::string_view function) {
  for (std::string_view part : {"transform", "filter", "apply", "reduce", "select"}) {
    if (function.find(part) != std::string_view::npos) return true;
  }
  return false;
}

bool IsExactCast(const nlohmann::json& node) {
  if (TextOf(node, "class") != "CAST" || !node.contains("cast_type")) return false;
  const std::string id = TextOf(node["cast_type"], "id");
  return id == "DECIMAL" || id.find("INT") != std::string::npos;
}

}  // namespace

void Uses::Add(const ResolvedColumn& column, bool as_indirect) {
  Origins& values = as_indirect ? indirect : direct;
  values.insert(column.direct.begin(), column.direct.end());
  indirect.insert(column.indirect.begin(), column.indirect.end());
}

void Resolver::WalkMember(nlohmann::json& node, const char* key, const Scope& scope, Uses& uses,
                          bool indirect) {
  if (const auto found = node.find(key); found != node.end()) Walk(*found, scope, uses, indirect);
}

void Resolver::Walk(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect) {
  if (node.is_array()) {
    for (nlohmann::json& element : node) Walk(element, scope, uses, indirect);
    return;
  }
  if (!node.is_object()) return;
  const std::string kind = TextOf(node, "class");
  if (kind == "COLUMN_REF") return ColumnRef(node, scope, uses, indirect);
  if (kind == "CONSTANT") return;
  if (kind == "SUBQUERY") return WalkSubquery(node, scope, uses, indirect);
  if (kind == "FUNCTION" || kind == "WINDOW") return WalkFunction(node, scope, uses, indirect);
  if (kind == "LAMBDA") {  // outside such a function it is the JSON arrow
    WalkMember(node, "lhs", scope, uses, indirect);
    return WalkMember(node, "expr", scope, uses, indirect);
  }
  if (kind == "STAR") return WalkColumns(node, scope, uses, indirect);
  for (auto& [key, member] : node.items()) {
    Walk(member, scope, uses, indirect || key == "when_expr");
  }
}

// COLUMNS(…), ORDER BY ALL: like any star, without the hidden columns.
void Resolver::WalkColumns(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect) {
  std::set<std::string> hidden;
  for (const ScopeTable& table : scope.tables) {
    for (const ResolvedColumn& column : table.relation.columns) {
      if (table.base == nullptr || !iceberg::IsHidden(column.name)) {
        UseColumn(table, column, OffsetOf(node, source_), uses, indirect);
      } else if (!IsSet(node, "expr")) {
        hidden.insert(column.name);
        UseAll(table);  // EXCLUDE names them, so they must be there when the query runs
      }
    }
  }
  for (const std::string& name : hidden) node["exclude_list"].push_back(name);
}

void Resolver::WalkFunction(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect) {
  const std::string function = LowerCase(TextOf(node, "function_name"));
  const FunctionKind kind = RuleOfFunction(function).kind;
  if (kind == FunctionKind::kRunTime) result_.uses_run_time = true;
  if (kind == FunctionKind::kExactSum) AddProbe(node, scope);
  if (rules_.deterministic) {
    ProbeFunction(node, scope);
    SettleFunction(node, scope);
  }
  if (node.contains("children") && node["children"].is_array()) {
    for (nlohmann::json& child : node["children"]) {
      if (TextOf(child, "class") == "LAMBDA" && TakesLambda(function)) {
        WalkLambda(child, scope, uses, indirect);
      } else {
        Walk(child, scope, uses, indirect);
      }
    }
  }
  for (auto& [key, member] : node.items()) {
    if (key != "children") Walk(member, scope, uses, true);
  }
}

void Resolver::WalkLambda(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect) {
  Scope inner;
  inner.outer = &scope;
  const auto add = [&](const nlohmann::json& parameter) {
    const nlohmann::json& names = ListOf(parameter, "column_names");
    if (names.size() == 1)
      inner.lambda_parameters.push_back(LowerCase(names[0].get<std::string>()));
  };
  add(node["lhs"]);
  for (const nlohmann::json& parameter : ListOf(node["lhs"], "children")) add(parameter);
  WalkMember(node, "expr", inner, uses, indirect);
}

void Resolver::WalkSubquery(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect) {
  const bool as_indirect = indirect || TextOf(node, "subquery_type") != "SCALAR";
  const Relation relation = Query(node["subquery"]["node"], &scope);
  for (const ResolvedColumn& column : relation.columns) uses.Add(column, as_indirect);
  uses.indirect.insert(relation.rows.begin(), relation.rows.end());
  WalkMember(node, "child", scope, uses, indirect);
}

void Resolver::ColumnRef(const nlohmann::json& node, const Scope& scope, Uses& uses,
                         bool indirect) {
  const auto names = node.value("column_names", std::vector<std::string>());
  const std::size_t offset = OffsetOf(node, source_);
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    if (ColumnInScope(names, offset, *at, uses, indirect)) return;
  }
  UnknownName(names, offset, scope);
}

bool Resolver::ColumnInScope(const std::vector<std::string>& names, std::size_t offset,
                             const Scope& scope, Uses& uses, bool indirect) {
  if (names.empty()) return true;
  const std::string first = LowerCase(names[0]);
  const auto& lambdas = scope.lambda_parameters;
  if (std::find(lambdas.begin(), lambdas.end(), first) != lambdas.end()) return true;
  if (ColumnInTables(names, offset, scope, uses, indirect)) return true;
  for (const ResolvedColumn& alias : scope.aliases) {
    if (LowerCase(alias.name) == first) {
      uses.Add(alias, indirect);
      return true;
    }
  }
  for (const ScopeTable& table : scope.tables) {  // a whole row
    if (names.size() > 1 || table.alias != first) continue;
    for (const ResolvedColumn& column : table.relation.columns) {
      UseColumn(table, column, offset, uses, indirect);
    }
    return true;
  }
  return false;
}

bool Resolver::ColumnInTables(const std::vector<std::string>& names, std::size_t offset,
                              const Scope& scope, Uses& uses, bool indirect) {
  const std::string first = LowerCase(names[0]);
  const auto find = [](const ScopeTable& table, const std::string& name) -> const ResolvedColumn* {
    const std::string lower = LowerCase(name);
    for (const ResolvedColumn& column : table.relation.columns) {
      if (LowerCase(column.name) == lower) return &column;
    }
    return nullptr;
  };
  for (const ScopeTable& table : scope.tables) {  // qualified by a table
    std::size_t part = 0;
    if (names.size() >= 2 && table.alias == first) part = 1;
    if (names.size() >= 3 && table.schema == first && table.alias == LowerCase(names[1])) part = 2;
    if (part == 0) continue;
    if (const ResolvedColumn* column = find(table, names[part])) {
      UseColumn(table, *column, offset, uses, indirect);
    } else if (table.relation.known) {
      UnknownColumn(names, part, offset, {&table});
    }
    return true;
  }
  std::vector<const ScopeTable*> owners;
  for (const ScopeTable& table : scope.tables) {
    const ResolvedColumn* column = find(table, names[0]);
    if (column == nullptr) continue;
    if (owners.empty()) UseColumn(table, *column, offset, uses, indirect);
    owners.push_back(&table);
  }
  if (owners.size() > 1 && !scope.merged.contains(first) && rules_.columns) {
    result_.findings.push_back(
        Finding("WH2104", NameSpan(offset, 0), fmt::format("ambiguous column \"{}\"", names[0]),
                fmt::format("in {} and in {}", owners[0]->shown, owners[1]->shown),
                fmt::format("write {}.{} or {}.{}", owners[0]->alias, names[0], owners[1]->alias,
                            names[0])));
  }
  return !owners.empty();
}

void Resolver::UseColumn(const ScopeTable& table, const ResolvedColumn& column, std::size_t offset,
                         Uses& uses, bool indirect) {
  uses.Add(column, indirect);
  if (table.base == nullptr) return;
  for (const Origin& origin : column.direct) used_[origin.table].insert(origin.column);
  if (rules_.hidden_columns || column.direct.empty()) return;
  const std::string& name = column.direct.begin()->column;
  if (name == iceberg::kRecordColumn || name == iceberg::kCommitSeqColumn) {
    result_.findings.push_back(
        Finding("WH2106", source_.SpanAt(offset, 1),
                fmt::format("\"{}\" may not be read by a transform", name),
                "names a raw record, in the order of arrival",
                "it is carried along automatically; order by a column of the data"));
  } else if (name == iceberg::kIngestedAtColumn) {
    result_.findings.push_back(Finding(
        "WH2106", source_.SpanAt(offset, 1),
        fmt::format("\"{}\" may not be read by a transform", name),
        "is when the record arrived, not what it says",
        "use a time of the data; a feature view without known_time uses the time of arrival"));
  }
}

void Resolver::UnknownColumn(const std::vector<std::string>& names, std::size_t part,
                             std::size_t offset, const std::vector<const ScopeTable*>& tables) {
  if (!rules_.columns) return;
  std::vector<std::string> known;
  std::vector<std::string> shown;
  for (const ScopeTable* table : tables) {
    for (const ResolvedColumn& column : table->relation.columns) {
      if (!iceberg::IsHidden(column.name)) known.push_back(column.name);
    }
    if (!table->shown.empty()) shown.push_back(table->shown);
  }
  std::string note;
  if (!shown.empty()) note = fmt::format("not in {}", Join(shown, " nor in "));
  result_.findings.push_back(Finding("WH2104", NameSpan(offset, part),
                                     fmt::format("unknown column \"{}\"", names[part]),
                                     std::move(note), DidYouMean(names[part], known)));
}

void Resolver::UnknownName(const std::vector<std::string>& names, std::size_t offset,
                           const Scope& scope) {
  const std::string first = LowerCase(names[0]);
  if (names.size() == 1 && IsValueFunction(first)) {
    // Also if a relation's columns are unknown: DuckDB would call the function.
    if (!rules_.deterministic) return;
    const FunctionRule rule = RuleOfFunction(first);
    result_.findings.push_back(Finding("WH2106", NameSpan(offset, 0),
                                       fmt::format("\"{}\" is not deterministic", names[0]),
                                       std::string(rule.reason), std::string(rule.hint)));
    return;
  }
  std::vector<const ScopeTable*> tables;
  std::vector<std::string> aliases;
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    for (const ScopeTable& table : at->tables) {
      if (!table.relation.known) return;  // the column may exist
      tables.push_back(&table);
      if (!table.alias.empty()) aliases.push_back(table.alias);
    }
  }
  if (names.size() == 1) return UnknownColumn(names, 0, offset, tables);
  if (!rules_.columns) return;
  result_.findings.push_back(Finding(
      "WH2103", NameSpan(offset, 0), fmt::format("unknown table \"{}\"", names[0]),
      aliases.empty() ? std::string() : fmt::format("the query reads {}", Join(aliases, ", ")),
      DidYouMean(first, aliases)));
}

void Resolver::AddProbe(const nlohmann::json& node, const Scope& scope) {
  const nlohmann::json& children = ListOf(node, "children");
  if (children.empty() || IsExactCast(children[0]) || scope.from == nullptr) return;
  TypeProbe probe;
  probe.expressions = nlohmann::json::array({children[0]});
  probe.from = *scope.from;
  probe.function = TextOf(node, "function_name");
  probe.span = source_.SpanOfToken(OffsetOf(node, source_));
  probe.ctes = CtesInScope(scope);
  result_.probes.push_back(std::move(probe));
}

nlohmann::json Resolver::CtesInScope(const Scope& scope) {
  nlohmann::json ctes = nlohmann::json::array();
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    for (const ScopeCte& cte : at->ctes) {
      if (!cte.entry.is_null()) ctes.push_back(cte.entry);
    }
  }
  return ctes;
}

void Resolver::ProbeEquals(const nlohmann::json& place, std::string word,
                           nlohmann::json expressions, const Scope& scope) {
  const Scope* at = &scope;
  while (at->from == nullptr && at->outer != nullptr) at = at->outer;  // out of lambdas
  if (expressions.empty() || at->from == nullptr || !rules_.deterministic) return;
  TypeProbe probe;
  probe.is_sum = false;
  probe.expressions = std::move(expressions);
  probe.from = *at->from;
  probe.ctes = CtesInScope(scope);
  probe.function = std::move(word);
  probe.span = source_.SpanOfToken(OffsetOf(place, source_));
  result_.probes.push_back(std::move(probe));
}

void Resolver::ProbeResult(const nlohmann::json& node, std::string word, const Scope& scope) {
  if (!rules_.deterministic) return;
  TypeProbe probe;
  probe.is_sum = false;
  probe.query = node;
  probe.ctes = CtesInScope(scope);
  probe.function = std::move(word);
  const nlohmann::json* first = &node;
  while (IsSet(*first, "left")) first = &first->at("left");
  const nlohmann::json& items = ListOf(*first, "select_list");
  probe.span =
      items.empty() ? source_.SpanAt(0, 1) : source_.SpanOfToken(OffsetOf(items.front(), source_));
  result_.probes.push_back(std::move(probe));
}

SourceSpan Resolver::NameSpan(std::size_t offset, std::size_t part) const {
  const std::size_t token = source_.TokenAt(offset) + 2 * part;
  if (token >= source_.tokens().size()) return source_.SpanAt(offset, 1);
  return source_.SpanAt(source_.tokens()[token].offset, source_.tokens()[token].text.size());
}

SourceSpan Resolver::DottedSpan(std::size_t offset, std::size_t parts) const {
  const std::size_t last = source_.TokenAt(offset) + 2 * (parts - 1);
  if (last >= source_.tokens().size()) return source_.SpanAt(offset, 1);
  return source_.SpanAt(offset, source_.tokens()[last].end() - offset);
}
}  // namespace weirhouse::transform
