// Counts values whose bits differ between the online store and the feature tables.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/online/online_store.h"
#include "rules/feature/training/training_set.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// A question for both sides, or an answer that was logged when it was served.
struct SkewSample {
  std::string view_id;        // "carrier_delay@1"
  std::vector<Value> entity;  // by the view's entity columns
  std::int64_t at = 0;
  std::int64_t known = 0;
  std::vector<Value> served;  // what was logged; empty = ask the online store now
};

struct SkewDifference {
  std::string feature;  // qualified
  std::vector<Value> entity;
  std::int64_t at = 0;
  Value online;
  Value offline;
  // The two statuses, if equal values have different ones; else empty.
  std::string online_status = {};
  std::string offline_status = {};
};

struct SkewReport {
  std::int64_t samples = 0;
  std::int64_t values = 0;
  std::int64_t differing = 0;         // values whose bits differ
  std::int64_t status_differing = 0;  // equal values with another status, among those asked online
  std::vector<SkewDifference> first;  // up to 20
};

// Computes `samples` offline: the kernel over the rows that `provider` returns (as of the commit of
// the answers) must give the same bits. `online` may be null if all samples were logged.
Result<SkewReport> MeasureSkew(const std::vector<ViewPlan>& plans,
                               const std::vector<SkewSample>& samples, const OnlineStore* online,
                               const FeatureProvider& provider);
}  // namespace weirhouse::feature
