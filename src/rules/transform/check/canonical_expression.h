// Canonical numbers inside a query: CanonicalNumbers handles input and output, this handles what
// SQL computes in between.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {

// Rewrites `tree` (from ParseToJson, resolved, with its tables registered) so that no operation
// that makes one row of several equal ones (GROUP BY, DISTINCT, min, first_value, LIMIT, UNION, …)
// receives a computed FLOAT or DOUBLE that has equals of other bits: -0.0 becomes 0.0, and every
// NaN the same. Columns of base tables are canonical and left unchanged.
//
// Returns findings (WH2106) where that is not possible: lists and structs of floats from another
// subquery. Cost: up to three binds for each SELECT that computes such a number.
Result<std::vector<Diagnostic>> CanonicalExpressions(platform::SqlSession& session,
                                                     nlohmann::json& tree, const SqlText& source);
}  // namespace weirhouse::transform
