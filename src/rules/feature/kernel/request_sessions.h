// Sessions of the SQL engine for views of the request, kept from one caller to the next.
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

// Sessions that compute views of the request: each belongs to one caller at a time, and is kept for
// the next one. Threads: any.
class RequestSessions {
 public:
  explicit RequestSessions(platform::SqlEngine& engine);
  ~RequestSessions();
  // One request of one view; `plan` must outlive this.
  Result<FeatureAnswer> Evaluate(const ViewPlan& plan, const std::map<std::string, Value>& values,
                                 std::int64_t at);

 private:
  struct Session;
  platform::SqlEngine& engine_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};
}  // namespace weirhouse::feature
