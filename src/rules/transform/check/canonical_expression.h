// Canonical numbers inside a query: CanonicalNumbers sees to what goes in and comes out, this to
// what SQL computes on the way.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {

// Rewrites `tree` (what ParseToJson gives, resolved, its tables registered) so that no place that
// makes one row of several equal ones (GROUP BY, DISTINCT, min, first_value, LIMIT, UNION, …) is
// given a computed FLOAT or DOUBLE that has equals of other bits: -0.0 becomes 0.0, and every NaN
// the same. Columns of base tables are canonical, and left as they are.
//
// Findings (WH2106) where that cannot be done: lists and structs of floats that another subquery
// made. Cost: up to three binds for each SELECT that computes such a number.
Result<std::vector<Diagnostic>> CanonicalExpressions(platform::SqlSession& session,
                                                     nlohmann::json& tree, const SqlText& source);
}  // namespace weirhouse::transform
