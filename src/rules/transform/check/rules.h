// What a syntax tree may contain: one plain SELECT, nothing that depends on time, chance or row
// order, and, for an incremental transform, only what is computed from one driving row.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {

// Checks by tokens, before DuckDB sees the text, that it is exactly one SELECT (WH2107).
std::vector<Diagnostic> StatementFindings(const SqlText& source);

// A function that is not on the list: WH2105 or WH2106, depending on whether DuckDB knows it.
struct UnlistedFunction {
  std::string name;
  SourceSpan span;
};
struct RuleFindings {
  std::vector<Diagnostic> findings;
  std::vector<UnlistedFunction> unlisted;
};
// Findings WH2106 (if `deterministic`) and WH2107, anywhere in the query `node`.
RuleFindings CheckRules(const nlohmann::json& node, const SqlText& source, bool deterministic);

// Why the query is not row-wise over one driver, each reason with its place (WH2108); empty if it
// is.
std::vector<Diagnostic> RowWiseFindings(const nlohmann::json& node, const SqlText& source);

// What drives a row-wise query: the first table of its FROM.
struct Driver {
  std::string table;  // "records.arrival", as written
  std::string alias;  // how its columns are qualified
};
Driver DriverOf(const nlohmann::json& node);
}  // namespace weirhouse::transform
