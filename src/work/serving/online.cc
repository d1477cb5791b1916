#include "work/serving/online.h"

#include "work/serving/online_query.h"

namespace weirhouse::work {
using nlohmann::json;

Result<OnlineVector> OnlineFeatures(Workspace& workspace, const OnlineRequest& request) {
  WEIRHOUSE_TRY(const std::shared_ptr<const OnlineQuery> query,
                OnlineQuery::Make(workspace, request.features));
  WEIRHOUSE_TRY(const EventTime at, RequestTime(workspace, request.at));
  return query->Answer(request.fields, at, request.texts);
}

Result<EventTime> RequestTime(Workspace& workspace, std::optional<EventTime> at) {
  if (at) return *at;
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  if (now != EventTime::min()) return now;
  return Status(Code::kInvalidInput, "nothing was committed yet, so the replay clock has no time")
      .WithError("WH4024")
      .WithHint("pass \"at\"");
}

json ToJson(const OnlineVector& vector) {
  json features = json::array();
  for (const OnlineFeature& feature : vector.features) {
    json one = {{"name", feature.name},   {"view", feature.view}, {"status", feature.status},
                {"value", feature.value}, {"bits", feature.bits}, {"seq", feature.seq.value()},
                {"event_time", nullptr}};
    if (feature.event_time) one["event_time"] = FormatTime(*feature.event_time);
    features.push_back(std::move(one));
  }
  return {{"at", FormatTime(vector.at)},
          {"seq", vector.seq.value()},
          {"digest", vector.digest.ToHex()},
          {"features", std::move(features)}};
}
}  // namespace weirhouse::work
