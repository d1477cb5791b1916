// Resolves the names in a syntax tree.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/transform/check/check.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {

// A column of a base table.
struct Origin {
  std::string table;
  std::string column;
  friend auto operator<=>(const Origin&, const Origin&) = default;
};
using Origins = std::set<Origin>;

// A column of a query or of a table, and the columns it is made of.
struct ResolvedColumn {
  std::string name;
  Origins direct;
  Origins indirect;
};

// Expressions whose types matter: whether a sum is exact, or whether equal values may differ.
struct TypeProbe {
  nlohmann::json expressions;
  nlohmann::json query;  // used instead of `expressions` if the whole result matters
  nlohmann::json from;   // the FROM of its query
  nlohmann::json ctes;   // all in scope, as a cte_map's list
  std::string function;  // or the keyword that makes one row of equal ones
  bool is_sum = true;
  SourceSpan span;
};

struct Resolution {
  std::vector<ResolvedColumn> output;
  bool output_known = true;                // false: a star over something unknown
  std::vector<TableReference> references;  // columns filled in
  std::vector<TypeProbe> probes;
  std::vector<Diagnostic> findings;
  bool uses_run_time = false;
};

struct ResolveRules {
  bool deterministic = true;
  bool columns = true;          // report unknown columns
  bool hidden_columns = false;  // `_record` may be read
};

// Resolves the query `node` (the "node" of a statement). Changes `tree` in one way: stars exclude
// the hidden columns of their tables (unless rules.hidden_columns).
Resolution ResolveQuery(nlohmann::json& node, const SqlText& source, const SchemaCatalog& schemas,
                        const ResolveRules& rules);

// ---- Reading a syntax tree
// A string member, or "".
std::string TextOf(const nlohmann::json& node, const char* key);
// A list member, or an empty list.
const nlohmann::json& ListOf(const nlohmann::json& node, const char* key);
// query_location, or the end of the text if there is none.
std::size_t OffsetOf(const nlohmann::json& node, const SqlText& source);
inline bool IsSet(const nlohmann::json& node, const char* key) {
  return node.contains(key) && !node.at(key).is_null();
}
}  // namespace weirhouse::transform
