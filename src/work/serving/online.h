// Features for one request: online values and request expressions, by the kernel that training sets
// use.
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
  // Fields typed as text, and the numbers of `fields` as written: the view decides their types.
  std::map<std::string, std::string> texts = {};
};
struct OnlineFeature {
  std::string name;      // "carrier_delay.mean_24h"
  std::string view;      // "carrier_delay@1"
  std::string status;    // present | null | expired | not_found | not_yet_known
  nlohmann::json value;  // null unless present; "NaN", "Infinity", "-Infinity" where JSON has none
  std::string bits;      // hex of the value's bytes, for the log and for comparisons
  std::optional<EventTime> event_time;
  CommitSeq seq;  // the commit that its view has reached; 0 for request views
};
struct OnlineVector {
  std::vector<OnlineFeature> features;
  EventTime at{};
  CommitSeq seq;                      // the commit that the online store has reached
  Digest digest;                      // over all bits and statuses
  std::shared_ptr<arrow::Table> row;  // one row, feature columns in order, for scoring
};
// All views of one answer are of one state of the store. A time before what the store keeps is
// answered from the feature tables. Errors: kInvalidInput (WH4013 wrong type, WH4016 unknown field,
// WH4017 missing field, WH4018 view not served online), kNotFound (WH4009 unknown view or column),
// kUnavailable (WH4019 no online store yet, or a view is being filled). Threads: any. Cost: one
// seek and one pass over the rows for each view and entity, and one small query for each request
// view.
Result<OnlineVector> OnlineFeatures(Workspace& workspace, const OnlineRequest& request);
nlohmann::json ToJson(const OnlineVector& vector);
// `at`, or the project's now. WH4024: the replay clock has no time yet.
Result<EventTime> RequestTime(Workspace& workspace, std::optional<EventTime> at);

// `wh skew`: samples `pairs` (entity, time) of each served view, at times near its rows and at the
// project's now; computes them online and offline (from the feature tables as of the online store's
// commit), a part of them also with the naive interpreter; and counts values whose bits differ.
struct SkewReport {
  std::int64_t pairs = 0;
  std::int64_t values = 0;
  std::int64_t differing = 0;         // online and offline, or online and naive
  std::int64_t status_differing = 0;  // equal values under another status
  std::int64_t naive_values =
      0;  // those of `values` that were also compared with the naive interpreter
  std::vector<std::string> first;  // at most 20, one line each
  // Views with rows for which no question could be asked, one line each with the reason.
  std::vector<std::string> not_asked;

  bool same() const { return differing == 0 && status_differing == 0; }
};
Result<SkewReport> MeasureSkew(Workspace& workspace, std::int64_t pairs, std::uint64_t seed);
// Compares the online answers of one view with the kernel over `rows`, at `pairs` (entity, time)
// chosen from `asked`; both tables are feature rows.
Result<SkewReport> MeasureSkewOf(Workspace& workspace, const feature::ViewPlan& plan,
                                 const std::shared_ptr<arrow::Table>& asked,
                                 const std::shared_ptr<arrow::Table>& rows, std::int64_t pairs,
                                 std::uint64_t seed);
}  // namespace weirhouse::work
