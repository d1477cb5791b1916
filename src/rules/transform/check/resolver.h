// The walk behind ResolveQuery: scopes of names, one per query.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/transform/check/resolve.h"

namespace weirhouse::transform {

// The columns and rows of a query or of a table in FROM.
struct Relation {
  std::vector<ResolvedColumn> columns;
  Origins rows;       // what decides which rows there are
  bool known = true;  // false: it may have more columns than these
};

// One table of a FROM clause.
struct ScopeTable {
  std::string alias;   // lower case; what qualifies its columns
  std::string schema;  // lower case; of a base table without alias, also qualifies
  std::string shown;   // for messages: "contract arrival 1.0.0 (…)" or "subquery x"
  const SchemaCatalog::Entry* base = nullptr;
  Relation relation;
};

struct ScopeCte {
  std::string name;  // lower case
  Relation relation;
  nlohmann::json entry;  // of the cte_map
};

// The names that one query's expressions see. Lives on the stack of the walk.
struct Scope {
  const Scope* outer = nullptr;
  std::vector<ScopeTable> tables;
  std::vector<ScopeCte> ctes;
  std::vector<ResolvedColumn> aliases;  // of its select list, so far
  std::set<std::string> merged;         // USING columns, lower case
  std::vector<std::string> lambda_parameters;
  const nlohmann::json* from = nullptr;
  const nlohmann::json* query = nullptr;  // the SELECT; absent in a lambda
};

// What an expression reads.
struct Uses {
  Origins direct;
  Origins indirect;
  void Add(const ResolvedColumn& column, bool as_indirect);
};

class Resolver {
 public:
  Resolver(const SqlText& source, const SchemaCatalog& schemas, const ResolveRules& rules)
      : source_(source), schemas_(schemas), rules_(rules) {}

  Resolution Run(nlohmann::json& node);

 private:
  // Queries and FROM (resolve_query.cc).
  Relation Query(nlohmann::json& node, const Scope* outer);
  void AddCtes(nlohmann::json& node, Scope& scope);
  Relation Select(nlohmann::json& node, Scope& scope);
  void SelectItem(nlohmann::json& item, Scope& scope, Relation& output);
  void ExpandStar(nlohmann::json& star, Scope& scope, Relation& output);
  Relation SetOperation(nlohmann::json& node, Scope& scope);
  Relation RecursiveCte(nlohmann::json& node, Scope& scope);
  void From(nlohmann::json& table, Scope& scope, Origins& rows);
  void FromBaseTable(const nlohmann::json& table, Scope& scope);
  void FromSubquery(nlohmann::json& table, Scope& scope);
  void FromJoin(nlohmann::json& table, Scope& scope, Origins& rows);
  void MergeUsing(const nlohmann::json& join, Scope& scope, std::size_t right, Origins& rows);
  void UnknownTable(const nlohmann::json& table, const std::string& name);
  // Marks every column of the table as needed when the query runs.
  void UseAll(const ScopeTable& table);

  // Expressions (resolve_expression.cc).
  void Walk(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect = false);
  void WalkMember(nlohmann::json& node, const char* key, const Scope& scope, Uses& uses,
                  bool indirect);
  void WalkColumns(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect);
  void WalkFunction(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect);
  void WalkLambda(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect);
  void WalkSubquery(nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect);
  void ColumnRef(const nlohmann::json& node, const Scope& scope, Uses& uses, bool indirect);
  // True if `names` was found (or reported) in `scope` itself.
  bool ColumnInScope(const std::vector<std::string>& names, std::size_t offset, const Scope& scope,
                     Uses& uses, bool indirect);
  bool ColumnInTables(const std::vector<std::string>& names, std::size_t offset, const Scope& scope,
                      Uses& uses, bool indirect);
  void UseColumn(const ScopeTable& table, const ResolvedColumn& column, std::size_t offset,
                 Uses& uses, bool indirect);
  void UnknownColumn(const std::vector<std::string>& names, std::size_t part, std::size_t offset,
                     const std::vector<const ScopeTable*>& tables);
  void UnknownName(const std::vector<std::string>& names, std::size_t offset, const Scope& scope);
  void AddProbe(const nlohmann::json& node, const Scope& scope);
  // Adds probes for values that become one of several equals: equal intervals may differ.
  void ProbeEquals(const nlohmann::json& place, std::string word, nlohmann::json expressions,
                   const Scope& scope);
  void ProbeResult(const nlohmann::json& node, std::string word, const Scope& scope);
  static nlohmann::json CtesInScope(const Scope& scope);

  // Makes orders total (resolve_order.cc). In a window or an ordered aggregate, before it is
  // walked.
  void SettleFunction(nlohmann::json& node, const Scope& scope);
  // For LIMIT and DISTINCT ON, after the query's columns are known.
  void SettleResult(nlohmann::json& node, const Relation& output, const Scope& scope);
  void ProbeFunction(const nlohmann::json& node, const Scope& scope);
  void OrderRows(const nlohmann::json& node, nlohmann::json& orders, const Scope& scope);
  std::optional<nlohmann::json> ColumnsOfRows(const nlohmann::json& node, const Scope& scope);
  void CannotOrder(const nlohmann::json& node, const std::string& note, const std::string& hint);

  // The place of the `part`-th name of a dotted name at `offset`.
  SourceSpan NameSpan(std::size_t offset, std::size_t part) const;
  // The place of the whole dotted name.
  SourceSpan DottedSpan(std::size_t offset, std::size_t parts) const;

  const SqlText& source_;
  const SchemaCatalog& schemas_;
  const ResolveRules& rules_;
  Resolution result_;
  std::map<std::string, std::set<std::string>> used_;  // base table → columns
};
}  // namespace weirhouse::transform
