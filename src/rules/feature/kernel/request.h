// Request views: features that DuckDB computes from what the caller sends.
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

// Computes one request view, with the same SQL for one request and for a million. The plan comes
// from BindRequestView, which has judged its expressions. Threads: one, with its session.
class RequestEvaluator {
 public:
  RequestEvaluator(const ViewPlan& plan, platform::SqlSession& session);

  // Returns the view's output columns, one row for each row of `requests`, in the same order.
  // `requests` has the request's columns, among others. Errors: WH4013 (a column is missing or has
  // the wrong type), WH4006 (DuckDB fails on a value).
  Result<std::shared_ptr<arrow::Table>> Evaluate(const arrow::Table& requests) const;

  // One request. Fields absent from `values` are NULL, but at least one field of the view must be
  // present (WH4013). `at` is only copied to the answer.
  Result<FeatureAnswer> EvaluateOne(const std::map<std::string, Value>& values,
                                    std::int64_t at) const;

 private:
  const ViewPlan& plan_;
  platform::SqlSession& session_;
  std::string sql_;
};
}  // namespace weirhouse::feature
