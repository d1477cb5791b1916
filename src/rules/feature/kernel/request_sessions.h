// Sessions of the SQL engine for request views, kept for the next caller.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/kernel/answer.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// A session computes request views for one caller at a time, and is kept for the next. Threads:
// any.
class RequestSessions {
 public:
  explicit RequestSessions(platform::SqlEngine& engine);
  ~RequestSessions();
  // Evaluates one request of one view; `plan` must outlive this object.
  Result<FeatureAnswer> Evaluate(const ViewPlan& plan, const std::map<std::string, Value>& values,
                                 std::int64_t at);

 private:
  struct Session;
  platform::SqlEngine& engine_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};
}  // namespace weirhouse::feature
