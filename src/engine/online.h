// Features for one request: online values and request expressions, by the same kernel as training
// sets.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/workspace.h"

namespace weirhouse::engine {

struct OnlineRequest {
  // "carrier_delay@1:*", "plane_facts@1:built", …; or the features of a training set.
  std::vector<std::string> features;
  nlohmann::json fields;        // entity keys and request fields by name
  std::optional<EventTime> at;  // default: the project's now
};
struct OnlineFeature {
  std::string name;      // "carrier_delay.mean_24h"
  std::string view;      // "carrier_delay@1"
  std::string status;    // present | null | expired | not_found | not_yet_known
  nlohmann::json value;  // null unless present
  std::string bits;      // hex of the value's bytes: what is logged and compared
  std::optional<EventTime> event_time;
};
struct OnlineVector {
  std::vector<OnlineFeature> features;
  EventTime at{};
  CommitSeq seq;                      // the commit the online store stands at
  Digest digest;                      // of all bits and statuses
  std::shared_ptr<arrow::Table> row;  // one row, feature columns in order, for scoring
};
// Errors: kInvalidInput (WH4010 older than kept, unknown field, wrong type), kNotFound (unknown
// view). Threads: any. Cost: one seek and one fold per view and entity.
Result<OnlineVector> OnlineFeatures(Workspace& workspace, const OnlineRequest& request);
nlohmann::json ToJson(const OnlineVector& vector);

// `wh skew`: samples `pairs` (entity, time) of each view, folds them online and offline, counts
// values whose bits differ.
struct SkewReport {
  std::int64_t pairs = 0;
  std::int64_t values = 0;
  std::int64_t differing = 0;
  std::vector<std::string> first;  // at most 20, one line each
};
Result<SkewReport> MeasureSkew(Workspace& workspace, std::int64_t pairs, std::uint64_t seed);
}  // namespace weirhouse::engine
