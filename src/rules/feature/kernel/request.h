// Views of the request: features computed by DuckDB from what the caller sends along.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/kernel/answer.h"
#include "rules/feature/kernel/plan.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// Computes one request view; the same SQL for one request and for a column of a million. Takes a
// plan from BindRequestView, whose expressions have been judged. Threads: one, with its session.
class RequestEvaluator {
 public:
  RequestEvaluator(const ViewPlan& plan, platform::SqlSession& session);

  // Output columns of the view, one row per row of `requests`, in its order. `requests` has the
  // request's columns, among others. Errors: WH4013 (a column is missing or of the wrong type),
  // WH4006 (DuckDB fails on a value).
  Result<std::shared_ptr<arrow::Table>> Evaluate(const arrow::Table& requests) const;

  // One request; what is absent from `values` is NULL, unless nothing of the view is there at all,
  // which is WH4013. `at` only marks the answer.
  Result<FeatureAnswer> EvaluateOne(const std::map<std::string, Value>& values,
                                    std::int64_t at) const;

 private:
  const ViewPlan& plan_;
  platform::SqlSession& session_;
  std::string sql_;
};
}  // namespace weirhouse::feature
