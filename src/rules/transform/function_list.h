// The SQL functions that a transform may call: those whose result depends only on their arguments.
// Gates and feature views use the same list.
//
// It lists what is allowed, because DuckDB's own stability flag admits `first`, `any_value`, `age`
// and sums of floats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weirhouse::transform {

enum class FunctionKind : std::uint8_t {
  kUnlisted,          // not on the list: refused
  kScalar,            // a pure function of one row
  kRowSet,            // one row in, several out (unnest): mode full only
  kAggregate,         // the same whatever the order of its rows
  kExactSum,          // as kAggregate, if its argument is an integer or a decimal
  kOrderedAggregate,  // needs ORDER BY inside
  kRanking,           // a window function that needs ORDER BY
  kRunTime,           // run_time(): bound to the run
  kSecret,            // secret('x'): not in transforms yet
  kFloatAggregate,  // adds floats in the order of rows: allowed only if the last bits do not matter
  kRefused,         // known to depend on more than its arguments
};

struct FunctionRule {
  FunctionKind kind = FunctionKind::kUnlisted;
  std::string_view reason;  // of a refused one, such as "depends on the clock"
  std::string_view hint;    // what to write instead; may be empty
};
// `name` in lower case, operators as DuckDB names them ("+", "~~").
FunctionRule RuleOfFunction(std::string_view name);

// Words that SQL reads as calls without parentheses (current_date, …).
bool IsValueFunction(std::string_view name);

// Every name that may be called, sorted; for suggestions.
const std::vector<std::string>& AllowedFunctions();
}  // namespace weirhouse::transform
