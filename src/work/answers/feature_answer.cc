#include "work/answers/feature_answer.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "ground/base/text.h"
#include "ground/base/time.h"

namespace weirhouse::answers {
using nlohmann::json;

std::string EntityKeysOf(const feature::FeatureView& view) {
  std::vector<std::string> names;
  for (const feature::TypedName& key : view.is_request() ? view.request : view.entity)
    names.push_back(key.name);
  return Join(names, ", ");
}

std::string KnownTimeOf(const feature::FeatureView& view) {
  if (view.as_of_latest) return "latest";
  switch (view.known_time.kind) {
    case feature::KnownTime::Kind::kIngestion:
      return "ingestion";
    case feature::KnownTime::Kind::kColumn:
      return view.known_time.column;
    case feature::KnownTime::Kind::kDelay:
      return "event time + " + FormatDuration(view.known_time.delay_us);
  }
  return "";
}

json ToJson(const feature::FeatureView& view) {
  json columns = json::array();
  for (const feature::OutputColumn& column : feature::OutputColumnsOf(view)) {
    const feature::Feature& definition = view.features[column.feature];
    columns.push_back(
        {{"column", column.qualified},
         {"aggregate", feature::AggregateName(definition.aggregate)},
         {"of", definition.of},
         {"window", column.window_us ? json(FormatDuration(*column.window_us)) : json()}});
  }
  return {{"view",
           {{"view", view.id()},
            {"table", view.is_request() ? json() : json(view.table_name())},
            {"source", view.source},
            {"keys", EntityKeysOf(view)},
            {"event_time", view.event_time ? json(*view.event_time) : json()},
            {"known_time", KnownTimeOf(view)},
            {"ttl", view.ttl_us ? json(FormatDuration(*view.ttl_us)) : json()},
            {"description", view.description},
            {"digest", view.digest.ToHex()},
            {"columns", std::move(columns)}}}};
}
}  // namespace weirhouse::answers
