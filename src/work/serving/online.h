// Features for one request: online values and request expressions, by the same kernel as training
// sets.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct OnlineRequest {
  // "carrier_delay@1:*", "plane_facts@1:built", …; without a version the greatest one; the name of
  // a training set stands for its features.
  std::vector<std::string> features;
  nlohmann::json fields;        // entity keys and request fields by name
  std::optional<EventTime> at;  // default: the project's now
  // Fields that were typed as text, and numbers of `fields` as they are spelt: the view types them.
  std::map<std::string, std::string> texts = {};
};
struct OnlineFeature {
  std::string name;      // "carrier_delay.mean_24h"
  std::string view;      // "carrier_delay@1"
  std::string status;    // present | null | expired | not_found | not_yet_known
  nlohmann::json value;  // null unless present; "NaN", "Infinity", "-Infinity" where JSON has none
  std::string bits;      // hex of the value's bytes: what is logged and compared
  std::optional<EventTime> event_time;
  CommitSeq seq;  // the commit its view stands at; 0 for views of the request
};
struct OnlineVector {
  std::vector<OnlineFeature> features;
  EventTime at{};
  CommitSeq seq;                      // the commit the online store stands at
  Digest digest;                      // of all bits and statuses
  std::shared_ptr<arrow::Table> row;  // one row, feature columns in order, for scoring
};
// All views of one answer are of one state of the store. A time before what the store keeps is
// answered from the feature tables. Errors: kInvalidInput (WH4013 wrong type, WH4016 unknown field,
// WH4017 missing field, WH4018 view not served online), kNotFound (WH4009 unknown view or column),
// kUnavailable (WH4019 no online store yet, or a view is being filled). Threads: any. Cost: one
// seek and one fold per view and entity, and one small query per view of the request.
Result<OnlineVector> OnlineFeatures(Workspace& workspace, const OnlineRequest& request);
nlohmann::json ToJson(const OnlineVector& vector);
// `at`, or the project's now. WH4024: a replay clock that tells no time yet.
Result<EventTime> RequestTime(Workspace& workspace, std::optional<EventTime> at);

// `wh skew`: samples `pairs` (entity, time) of each view that is served, at times near its rows and
// at the project's now, folds them online and offline (the feature tables as of the commit that the
// online store stands at), a share of them naively too, and counts values whose bits differ.
struct SkewReport {
  std::int64_t pairs = 0;
  std::int64_t values = 0;
  std::int64_t differing = 0;         // online and offline, or online and naive
  std::int64_t status_differing = 0;  // equal values under another status
  std::int64_t naive_values = 0;      // of `values`, compared with the naive interpreter as well
  std::vector<std::string> first;     // at most 20, one line each
  // Views with rows of which nothing could be asked, and why: one line each.
  std::vector<std::string> not_asked;

  bool same() const { return differing == 0 && status_differing == 0; }
};
Result<SkewReport> MeasureSkew(Workspace& workspace, std::int64_t pairs, std::uint64_t seed);
// The online answers of one view against the kernel over `rows`, at `pairs` (entity, time) chosen
// from `asked`; both are feature rows.
Result<SkewReport> MeasureSkewOf(Workspace& workspace, const feature::ViewPlan& plan,
                                 const std::shared_ptr<arrow::Table>& asked,
                                 const std::shared_ptr<arrow::Table>& rows, std::int64_t pairs,
                                 std::uint64_t seed);
}  // namespace weirhouse::work
