// Queries, common table expressions and FROM clauses.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/check/resolver.h"
#include "rules/transform/finding.h"

namespace weirhouse::transform {
namespace {

const ResolvedColumn* FindColumn(const std::vector<ResolvedColumn>& columns,
                                 std::string_view lower_name) {
  for (const ResolvedColumn& column : columns) {
    if (LowerCase(column.name) == lower_name) return &column;
  }
  return nullptr;
}

Relation RelationOfTable(const SchemaCatalog::Entry& entry) {
  Relation relation;
  for (const auto& field : entry.schema->fields()) {
    relation.columns.push_back({field->name(), {{entry.name, field->name()}}, {}});
  }
  return relation;
}

// Columns renamed by an alias list: `AS v(a, b)`.
void Rename(const nlohmann::json& table, Relation& relation) {
  const nlohmann::json& names = ListOf(table, "column_name_alias");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i < relation.columns.size()) {
      relation.columns[i].name = names[i].get<std::string>();
    } else if (!relation.known) {
      relation.columns.push_back({names[i].get<std::string>(), {}, {}});
    }
  }
}

void Merge(Origins& into, const Origins& from) { into.insert(from.begin(), from.end()); }

}  // namespace

std::string TextOf(const nlohmann::json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const nlohmann::json& ListOf(const nlohmann::json& node, const char* key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  const auto found = node.find(key);
  return found != node.end() && found->is_array() ? *found : kEmpty;
}

std::size_t OffsetOf(const nlohmann::json& node, const SqlText& source) {
  const auto found = node.find("query_location");
  if (found == node.end() || !found->is_number_unsigned()) return source.text().size();
  return std::min(found->get<std::size_t>(), source.text().size());  // DuckDB's "none" is huge
}

Resolution ResolveQuery(nlohmann::json& node, const SqlText& source, const SchemaCatalog& schemas,
                        const ResolveRules& rules) {
  return Resolver(source, schemas, rules).Run(node);
}

Resolution Resolver::Run(nlohmann::json& node) {
  Relation output = Query(node, nullptr);
  for (ResolvedColumn& column : output.columns) Merge(column.indirect, output.rows);
  result_.output = std::move(output.columns);
  result_.output_known = output.known;
  for (TableReference& reference : result_.references) {
    const SchemaCatalog::Entry* entry = schemas_.Find(reference.name);
    for (const auto& field : entry->schema->fields()) {
      if (used_[reference.name].contains(field->name())) reference.columns.push_back(field->name());
    }
  }
  std::sort(result_.references.begin(), result_.references.end(),
            [](const TableReference& a, const TableReference& b) { return a.name < b.name; });
  return std::move(result_);
}

Relation Resolver::Query(nlohmann::json& node, const Scope* outer) {
  Scope scope;
  scope.outer = outer;
  AddCtes(node, scope);
  const std::string type = TextOf(node, "type");
  if (type == "SELECT_NODE") return Select(node, scope);
  if (type == "SET_OPERATION_NODE") return SetOperation(node, scope);
  if (type == "RECURSIVE_CTE_NODE") return RecursiveCte(node, scope);
  result_.findings.push_back(Finding("WH2107", source_.SpanAt(0, 1),
                                     fmt::format("this kind of query is not supported: {}", type)));
  Relation unknown;
  unknown.known = false;
  return unknown;
}

void Resolver::AddCtes(nlohmann::json& node, Scope& scope) {
  const auto found = node.find("cte_map");
  if (found == node.end() || !found->contains("map")) return;
  for (nlohmann::json& entry : (*found)["map"]) {
    ScopeCte cte;
    cte.name = LowerCase(TextOf(entry, "key"));
    cte.relation = Query(entry["value"]["query"]["node"], &scope);
    const nlohmann::json& aliases = ListOf(entry["value"], "aliases");
    Rename({{"column_name_alias", aliases}}, cte.relation);
    cte.entry = entry;
    scope.ctes.push_back(std::move(cte));
  }
}

Relation Resolver::Select(nlohmann::json& node, Scope& scope) {
  Relation output;
  scope.from = &node["from_table"];
  scope.query = &node;
  From(node["from_table"], scope, output.rows);
  for (const ScopeTable& table : scope.tables) Merge(output.rows, table.relation.rows);
  for (nlohmann::json& item : node["select_list"]) SelectItem(item, scope, output);

  Uses uses;  // aliases of the select list may be used from here on
  for (const char* key : {"where_clause", "group_expressions", "having", "qualify", "modifiers"}) {
    WalkMember(node, key, scope, uses, true);
  }
  Merge(output.rows, uses.indirect);
  if (rules_.deterministic) SettleResult(node, output, scope);
  return output;
}

void Resolver::SelectItem(nlohmann::json& item, Scope& scope, Relation& output) {
  if (TextOf(item, "class") == "STAR" && !item.value("columns", false)) {
    return ExpandStar(item, scope, output);
  }
  Uses uses;
  Walk(item, scope, uses);
  ResolvedColumn column{TextOf(item, "alias"), std::move(uses.direct), std::move(uses.indirect)};
  if (column.name.empty() && TextOf(item, "class") == "COLUMN_REF") {
    const nlohmann::json& names = ListOf(item, "column_names");
    if (!names.empty()) column.name = names.back().get<std::string>();
  }
  if (TextOf(item, "class") == "STAR" || TextOf(item, "function_name") == "unnest") {
    output.known = false;  // may become several columns
  }
  if (!TextOf(item, "alias").empty()) scope.aliases.push_back(column);
  output.columns.push_back(std::move(column));
}

void Resolver::ExpandStar(nlohmann::json& star, Scope& scope, Relation& output) {
  const std::size_t offset = OffsetOf(star, source_);
  const std::string relation_name = LowerCase(TextOf(star, "relation_name"));
  std::set<std::string> skip;
  for (const nlohmann::json& name : ListOf(star, "exclude_list")) {
    if (name.is_string()) skip.insert(LowerCase(name.get<std::string>()));
  }
  std::map<std::string, ResolvedColumn> replaced;
  if (star.contains("replace_list") && star["replace_list"].is_array()) {
    for (nlohmann::json& entry : star["replace_list"]) {
      Uses uses;
      Walk(entry["value"], scope, uses);
      const std::string name = TextOf(entry, "key");
      replaced[LowerCase(name)] = {name, std::move(uses.direct), std::move(uses.indirect)};
    }
  }
  std::set<std::string> hidden;
  std::set<std::string> merged;
  bool found = false;
  for (const ScopeTable& table : scope.tables) {
    if (!relation_name.empty() && table.alias != relation_name) continue;
    found = true;
    if (!table.relation.known) output.known = false;
    for (const ResolvedColumn& column : table.relation.columns) {
      const std::string lower = LowerCase(column.name);
      if (skip.contains(lower)) {
        UseAll(table);
        continue;
      }
      if (table.base != nullptr && iceberg::IsHidden(column.name)) {
        hidden.insert(column.name);
        UseAll(table);  // EXCLUDE names them, so they must be there when the query runs
        continue;
      }
      if (relation_name.empty() && scope.merged.contains(lower) && !merged.insert(lower).second) {
        continue;
      }
      Uses uses;
      UseColumn(table, column, offset, uses, false);
      const auto other = replaced.find(lower);
      output.columns.push_back(other != replaced.end() ? other->second : column);
    }
  }
  for (const std::string& name : hidden) star["exclude_list"].push_back(name);
  if (!found && !relation_name.empty()) {
    result_.findings.push_back(
        Finding("WH2103", NameSpan(offset, 0), fmt::format("unknown table \"{}\"", relation_name)));
    output.known = false;
  }
  if (IsSet(star, "rename_list") && !star["rename_list"].empty()) output.known = false;
}

Relation Resolver::SetOperation(nlohmann::json& node, Scope& scope) {
  Relation output;
  bool first = true;
  const auto add = [&](nlohmann::json& child) {
    Relation side = Query(child, &scope);
    Merge(output.rows, side.rows);
    if (first) {
      output.columns = std::move(side.columns);
      output.known = side.known;
    } else {
      for (std::size_t i = 0; i < std::min(output.columns.size(), side.columns.size()); ++i) {
        Merge(output.columns[i].direct, side.columns[i].direct);
        Merge(output.columns[i].indirect, side.columns[i].indirect);
      }
      output.known = output.known && side.known;
    }
    first = false;
  };
  for (const char* key : {"left", "right"}) {
    if (IsSet(node, key)) add(node[key]);
  }
  if (node.contains("children") && node["children"].is_array()) {
    for (nlohmann::json& child : node["children"]) add(child);
  }
  scope.aliases = output.columns;
  Uses uses;
  WalkMember(node, "modifiers", scope, uses, true);
  Merge(output.rows, uses.indirect);
  if (rules_.deterministic) SettleResult(node, output, scope);
  if (const std::string word = TextOf(node, "setop_type");
      !node.value("setop_all", false) || word != "UNION") {
    ProbeResult(node, word, scope);
  }
  return output;
}

Relation Resolver::RecursiveCte(nlohmann::json& node, Scope& scope) {
  Relation output = Query(node["left"], &scope);
  if (!node.value("union_all", false)) ProbeResult(node["left"], "UNION", scope);
  ScopeCte self;
  self.name = LowerCase(TextOf(node, "cte_name"));
  self.relation = output;
  scope.ctes.push_back(std::move(self));
  const Relation step = Query(node["right"], &scope);
  Merge(output.rows, step.rows);
  for (std::size_t i = 0; i < std::min(output.columns.size(), step.columns.size()); ++i) {
    Merge(output.columns[i].direct, step.columns[i].direct);
    Merge(output.columns[i].indirect, step.columns[i].indirect);
  }
  return output;
}

void Resolver::From(nlohmann::json& table, Scope& scope, Origins& rows) {
  const std::string type = TextOf(table, "type");
  if (type.empty() || type == "EMPTY") return;
  if (type == "BASE_TABLE") return FromBaseTable(table, scope);
  if (type == "SUBQUERY") return FromSubquery(table, scope);
  if (type == "JOIN") return FromJoin(table, scope, rows);
  ScopeTable other;  // VALUES, and what the rules refuse
  other.alias = LowerCase(TextOf(table, "alias"));
  other.shown = "this list of values";
  other.relation.known = false;
  if (type == "EXPRESSION_LIST") {
    Uses uses;
    WalkMember(table, "values", scope, uses, true);
    const nlohmann::json& values = ListOf(table, "values");
    const std::size_t width = values.empty() ? 0 : values[0].size();
    for (std::size_t i = 0; i < width; ++i) {
      other.relation.columns.push_back({fmt::format("col{}", i), uses.direct, uses.indirect});
    }
    other.relation.known = true;
    Rename(table, other.relation);
  }
  scope.tables.push_back(std::move(other));
}

void Resolver::FromBaseTable(const nlohmann::json& table, Scope& scope) {
  const std::string schema = TextOf(table, "schema_name");
  const std::string table_name = TextOf(table, "table_name");
  const std::string name = schema.empty() ? table_name : schema + "." + table_name;
  ScopeTable entry;
  entry.alias = LowerCase(TextOf(table, "alias"));
  if (entry.alias.empty()) {
    entry.alias = LowerCase(table_name);
    entry.schema = LowerCase(schema);
  }
  const bool qualified = !schema.empty() || !TextOf(table, "catalog_name").empty();
  for (const Scope* at = &scope; at != nullptr && !qualified; at = at->outer) {
    const auto cte = std::find_if(at->ctes.rbegin(), at->ctes.rend(), [&](const ScopeCte& other) {
      return other.name == LowerCase(table_name);
    });
    if (cte == at->ctes.rend()) continue;
    entry.relation = cte->relation;
    entry.shown = fmt::format("common table expression {}", table_name);
    Rename(table, entry.relation);
    scope.tables.push_back(std::move(entry));
    return;
  }
  entry.base = TextOf(table, "catalog_name").empty() ? schemas_.Find(name) : nullptr;
  if (entry.base == nullptr) {
    UnknownTable(table, name);
    entry.relation.known = false;
    scope.tables.push_back(std::move(entry));
    return;
  }
  entry.relation = RelationOfTable(*entry.base);
  entry.shown = entry.base->declared_in.empty() ? entry.base->name : entry.base->declared_in;
  auto& references = result_.references;
  if (std::none_of(references.begin(), references.end(), [&](const TableReference& reference) {
        return reference.name == entry.base->name;
      })) {
    references.push_back({entry.base->name,
                          KindOfTable(entry.base->name),
                          DottedSpan(OffsetOf(table, source_), schema.empty() ? 1 : 2),
                          {}});
  }
  if (!rules_.columns) {
    entry.relation.known = false;
    UseAll(entry);
  }
  if (!ListOf(table, "column_name_alias").empty()) UseAll(entry);  // named by position
  Rename(table, entry.relation);
  scope.tables.push_back(std::move(entry));
}

void Resolver::UseAll(const ScopeTable& table) {
  for (const ResolvedColumn& column : table.relation.columns) {
    for (const Origin& origin : column.direct) used_[origin.table].insert(origin.column);
  }
}

void Resolver::UnknownTable(const nlohmann::json& table, const std::string& name) {
  const std::size_t parts = (TextOf(table, "catalog_name").empty() ? 0u : 1u) +
                            (TextOf(table, "schema_name").empty() ? 0u : 1u) + 1u;
  const std::vector<std::string> known = schemas_.names();
  std::string hint = DidYouMean(LowerCase(name), known);
  if (const std::string bare = LowerCase(TextOf(table, "table_name")); hint.empty()) {
    for (const char* schema : {"records.", "processed.", "ref."}) {
      if (hint.empty() && schemas_.Find(schema + bare) != nullptr) {
        hint = fmt::format("did you mean \"{}{}\"?", schema, bare);
      }
    }
  }
  result_.findings.push_back(Finding("WH2103", DottedSpan(OffsetOf(table, source_), parts),
                                     fmt::format("unknown table \"{}\"", name),
                                     "no source, seed or processed table of this name",
                                     std::move(hint)));
}

void Resolver::FromSubquery(nlohmann::json& table, Scope& scope) {
  ScopeTable entry;
  entry.alias = LowerCase(TextOf(table, "alias"));
  entry.shown = entry.alias.empty() ? "the subquery" : fmt::format("subquery {}", entry.alias);
  entry.relation = Query(table["subquery"]["node"], &scope);
  Rename(table, entry.relation);
  scope.tables.push_back(std::move(entry));
}

void Resolver::FromJoin(nlohmann::json& table, Scope& scope, Origins& rows) {
  const std::size_t left_begin = scope.tables.size();
  From(table["left"], scope, rows);
  const std::size_t right_begin = scope.tables.size();
  From(table["right"], scope, rows);
  if (TextOf(table, "ref_type") == "NATURAL") {
    // Fewer columns would join on fewer columns.
    for (std::size_t i = left_begin; i < scope.tables.size(); ++i) UseAll(scope.tables[i]);
    for (std::size_t r = right_begin; r < scope.tables.size(); ++r) {
      for (const ResolvedColumn& column : scope.tables[r].relation.columns) {
        for (std::size_t l = left_begin; l < right_begin; ++l) {
          if (FindColumn(scope.tables[l].relation.columns, LowerCase(column.name)) != nullptr) {
            scope.merged.insert(LowerCase(column.name));
          }
        }
      }
    }
  }
  MergeUsing(table, scope, right_begin, rows);
  Uses uses;
  WalkMember(table, "condition", scope, uses, true);
  Merge(rows, uses.indirect);
  const std::string type = TextOf(table, "join_type");
  if (type == "SEMI" || type == "ANTI") {
    for (std::size_t r = right_begin; r < scope.tables.size(); ++r) {
      Merge(rows, scope.tables[r].relation.rows);
    }
    scope.tables.resize(right_begin);
  }
}

void Resolver::MergeUsing(const nlohmann::json& join, Scope& scope, std::size_t right,
                          Origins& rows) {
  const nlohmann::json& names = ListOf(join, "using_columns");
  if (names.empty()) return;
  const std::vector<Token>& tokens = source_.tokens();
  std::size_t at = source_.TokenAt(OffsetOf(join, source_));
  const int depth = at < tokens.size() ? tokens[at].depth : 0;
  while (at < tokens.size() && !(tokens[at].depth == depth && tokens[at].Is("using"))) ++at;
  for (const nlohmann::json& entry : names) {
    const std::string name = entry.get<std::string>();
    std::size_t token = at;
    while (token < tokens.size() && tokens[token].Name() != name) ++token;
    const std::size_t offset = token < tokens.size() ? tokens[token].offset : source_.text().size();
    for (const bool is_right : {false, true}) {
      std::vector<const ScopeTable*> tables;
      bool found = false;
      bool known = true;
      for (std::size_t i = is_right ? right : 0; i < (is_right ? scope.tables.size() : right);
           ++i) {
        const ScopeTable& table = scope.tables[i];
        tables.push_back(&table);
        known = known && table.relation.known;
        if (const auto* column = FindColumn(table.relation.columns, LowerCase(name))) {
          Uses uses;
          UseColumn(table, *column, offset, uses, true);
          Merge(rows, uses.indirect);
          found = true;
        }
      }
      if (!found && known) UnknownColumn({name}, 0, offset, tables);
    }
    scope.merged.insert(LowerCase(name));
  }
}
}  // namespace weirhouse::transform
