// SQL expressions in feature views: what they may contain, and their types.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/plan.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::feature {

// The reason if SQL of a feature cannot be used, or fails on a value of its rows.
inline constexpr Reason kExpressionRefused{"WH4006"};

// Judges expressions by DuckDB's syntax tree and catalog of functions: one expression over one row,
// whose value depends only on that row. Refuses (WH4007) sub-queries, aggregates, windows, the
// clock, random numbers and sequences. Threads: one.
class ExpressionChecker {
 public:
  static Result<ExpressionChecker> Make(platform::SqlSession& session);
  // `feature` is named in errors. Syntax errors are WH4006. Returns the name if the expression is
  // that of a column and nothing else, otherwise "".
  Result<std::string> Check(const FeatureView& view, const Feature& feature) const;

 private:
  explicit ExpressionChecker(platform::SqlSession& session) : session_(&session) {}
  platform::SqlSession* session_;
  std::set<std::string> repeatable_;  // scalar functions that depend on their arguments alone
};

// Checks a view's expressions against its source's schema (for request views: against its request)
// and finds their types. Needs no rows. Errors: WH4005 (type), WH4006 (DuckDB refuses it), WH4007,
// WH4015 (the source lacks a column that the view names, or it has the wrong type).
Result<ViewPlan> BindView(const FeatureView& view, const arrow::Schema& source,
                          platform::SqlSession& session);
Result<ViewPlan> BindRequestView(const FeatureView& view, platform::SqlSession& session);

// The SQL type that values of a type are computed in: "BIGINT", "DECIMAL(38,2)", …
std::string SqlTypeName(ValueType type, int scale = 0);
}  // namespace weirhouse::feature
