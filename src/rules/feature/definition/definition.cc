#include "rules/feature/definition/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/base/yaml.h"
#include "rules/feature/definition/definition_reader.h"

namespace weirhouse::feature {
namespace {
const std::vector<std::string> kAggregateNames = {"count", "sum",  "mean",   "min",
                                                  "max",   "last", "latest", "seconds_since_last"};

Result<Aggregate> ReadAggregate(const YamlNode& node, const std::string& what) {
  WEIRHOUSE_TRY(const std::string name, node.AsString("the aggregate of " + what));
  const auto found = std::find(kAggregateNames.begin(), kAggregateNames.end(), name);
  if (found != kAggregateNames.end()) {
    return static_cast<Aggregate>(found - kAggregateNames.begin());
  }
  std::string hint = DidYouMean(name, kAggregateNames);
  if (hint.empty()) hint = "aggregates: " + Join(kAggregateNames, ", ");
  return node.Error("WH4001", fmt::format("unknown aggregate \"{}\" in {}", name, what))
      .WithHint(std::move(hint));
}

Result<std::vector<Window>> ReadWindows(const YamlNode& node, const std::string& what) {
  WEIRHOUSE_TRY(const std::vector<std::string> names, node.AsStringList("the windows of " + what));
  std::vector<Window> windows;
  for (const std::string& name : names) {
    auto us = ParseDurationMicros(name);
    if (!us.ok() || *us <= 0) {
      return node.Error("WH4002", fmt::format("not a window: \"{}\" in {}", name, what))
          .WithHint("write a whole number and a unit: 30m, 1h, 24h, 7d");
    }
    for (const Window& other : windows) {
      if (other.us == *us) {
        return node.Error("WH4002",
                          fmt::format("window \"{}\" of {} equals \"{}\"", name, what, other.name));
      }
    }
    windows.push_back({name, *us});
  }
  if (windows.size() > static_cast<std::size_t>(kFeatureWindowsMax)) {
    return node.Error("WH4002",
                      fmt::format("more than {} windows in {}", kFeatureWindowsMax, what));
  }
  return windows;
}

Result<std::vector<TypedName>> ReadTypedNames(const YamlNode& node, const std::string& what) {
  if (!node.is_map() || node.entries().empty()) {
    return node.Error("WH2004", what + " must be a map of names and types");
  }
  std::vector<TypedName> names;
  for (const YamlNode::Entry& entry : node.entries()) {
    WEIRHOUSE_TRY(const std::string type, entry.value.AsString("the type of " + entry.key));
    const std::optional<ValueType> known = ParseTypeName(type);
    if (!known) {
      return entry.value
          .Error("WH4002",
                 fmt::format("unknown type \"{}\" of \"{}\" in {}", type, entry.key, what))
          .WithHint("types: string, integer, number, boolean, timestamp");
    }
    names.push_back({entry.key, *known});
  }
  return names;
}

Status ReadKnownTime(const YamlNode& node, FeatureView* view) {
  if (node.is_map()) {
    WEIRHOUSE_TRY_STATUS(node.CheckKeys("known_time", {"delay"}));
    WEIRHOUSE_TRY(const YamlNode* delay, node.Require("delay", "known_time"));
    WEIRHOUSE_TRY(view->known_time.delay_us, ReadDuration(*delay, "known_time's delay"));
    view->known_time.kind = KnownTime::Kind::kDelay;
    return Status();
  }
  WEIRHOUSE_TRY(view->known_time.column, node.AsString("known_time"));
  view->known_time.kind = KnownTime::Kind::kColumn;
  return Status();
}

Status ReadOnline(const YamlNode& node, FeatureView* view) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("online", {"fill", "ttl"}));
  if (const YamlNode* fill = node.Find("fill")) {
    WEIRHOUSE_TRY(const std::string text, fill->AsString("online fill"));
    if (text != "stream" && text != "batch" && text != "none") {
      return fill->Error("WH4002", fmt::format("unknown fill \"{}\"", text))
          .WithHint("fill: stream, batch or none");
    }
    for (const OnlineFill one : {OnlineFill::kStream, OnlineFill::kBatch})
      if (text == FillName(one)) view->online_fill = one;
  }
  const YamlNode* ttl = node.Find("ttl");
  // What the online store drops must also not count in training, or the two would differ: so a ttl
  // given here is the view's.
  if (ttl != nullptr && !view->ttl_us) {
    WEIRHOUSE_TRY(view->ttl_us, ReadDuration(*ttl, "online ttl"));
  } else if (ttl != nullptr) {
    return ttl->Error("WH4002", "the ttl is given twice, for the view and for online")
        .WithHint("keep one of them: it applies offline and online");
  }
  return Status();
}

Status ReadFeatureMap(const YamlNode& node, const FeatureView& view, Feature* feature) {
  const std::string what = fmt::format("feature \"{}\"", feature->name);
  WEIRHOUSE_TRY_STATUS(node.CheckKeys(what, {"agg", "of", "windows"}));
  WEIRHOUSE_TRY(const YamlNode* aggregate, node.Require("agg", what));
  WEIRHOUSE_TRY(feature->aggregate, ReadAggregate(*aggregate, what));
  if (const YamlNode* of = node.Find("of")) {
    WEIRHOUSE_TRY(feature->of, of->AsString("the expression of " + what));
    feature->of = std::string(Trim(feature->of));
  }
  if (feature->aggregate == Aggregate::kLatest) {
    if (feature->of.empty()) feature->of = QuoteIdentifier(feature->name);
    if (const YamlNode* windows = node.Find("windows")) {
      return windows->Error("WH4002", fmt::format("{} is \"latest\" and has windows", what))
          .WithHint("use \"last\" for the newest value of a window");
    }
    return Status();
  }
  feature->windows = view.windows;
  if (const YamlNode* windows = node.Find("windows")) {
    feature->windows.clear();
    if (!windows->is_scalar() || windows->text() != "none") {
      WEIRHOUSE_TRY(feature->windows, ReadWindows(*windows, what));
    } else if (feature->aggregate != Aggregate::kSecondsSinceLast &&
               feature->aggregate != Aggregate::kLast) {
      return windows
          ->Error("WH4002",
                  fmt::format("{} of {} needs windows", AggregateName(feature->aggregate), what))
          .WithHint("only last and seconds_since_last may look back without bound");
    }
  } else if (feature->windows.empty()) {
    return node.Error("WH4003", what + " has no windows, and neither has its view")
        .WithHint("add `windows: [24h]` to the view or to the feature");
  }
  return Status();
}

Result<Feature> ReadFeature(const YamlNode::Entry& entry, const FeatureView& view) {
  Feature feature;
  feature.name = entry.key;
  feature.span = entry.key_span;
  const std::string what = fmt::format("feature \"{}\"", entry.key);
  WEIRHOUSE_TRY_STATUS(CheckName(entry.value, what, entry.key));
  if (view.is_request()) {
    WEIRHOUSE_TRY(feature.of, entry.value.AsString("the expression of " + what));
    feature.of = std::string(Trim(feature.of));
    feature.aggregate = Aggregate::kRequest;
  } else if (entry.value.is_map()) {
    WEIRHOUSE_TRY_STATUS(ReadFeatureMap(entry.value, view, &feature));
  } else {
    WEIRHOUSE_TRY(feature.aggregate, ReadAggregate(entry.value, what));
    if (feature.aggregate == Aggregate::kLatest) {
      feature.of = QuoteIdentifier(feature.name);
    } else {
      feature.windows = view.windows;
      if (feature.windows.empty()) {
        return entry.value.Error("WH4003", what + " has no windows, and neither has its view");
      }
    }
  }
  const bool needs_expression =
      feature.aggregate != Aggregate::kCount && feature.aggregate != Aggregate::kSecondsSinceLast;
  if (needs_expression && feature.of.empty()) {
    return entry.value
        .Error("WH4003",
               fmt::format("{} of {} needs an expression", AggregateName(feature.aggregate), what))
        .WithHint("add `of:` with a column or an SQL expression over one row of the source");
  }
  if (feature.aggregate == Aggregate::kSecondsSinceLast && !feature.of.empty()) {
    return entry.value.Error("WH4002", what + " is seconds_since_last and takes no expression");
  }
  return feature;
}

Status ReadFeatures(const YamlNode& node, FeatureView* view) {
  WEIRHOUSE_TRY(const YamlNode* features, node.Require("features", "feature view"));
  if (!features->is_map() || features->entries().empty()) {
    return features->Error("WH2004", "features must be a map of names and aggregates");
  }
  if (features->entries().size() > static_cast<std::size_t>(kViewFeaturesMax)) {
    return features->Error("WH4002", fmt::format("more than {} features", kViewFeaturesMax));
  }
  for (const YamlNode::Entry& entry : features->entries()) {
    WEIRHOUSE_TRY(Feature feature, ReadFeature(entry, *view));
    view->features.push_back(std::move(feature));
  }
  std::set<std::string> names;
  for (const OutputColumn& column : OutputColumnsOf(*view)) {
    if (!names.insert(column.name).second) {
      return features->Error("WH4004",
                             fmt::format("two features give the column \"{}\"", column.name));
    }
  }
  return Status();
}

Status CheckTimes(const YamlNode& node, const FeatureView& view) {
  if (view.event_time) return Status();
  for (const Feature& feature : view.features) {
    if (feature.aggregate == Aggregate::kLatest) continue;
    return node
        .Error("WH4003", fmt::format("view \"{}\" has no event_time, and \"{}\" needs one",
                                     view.name, feature.name))
        .WithHint("only \"latest\" works without event_time");
  }
  if (view.ttl_us) return node.Error("WH4003", "a ttl needs an event_time");
  if (view.known_time.kind == KnownTime::Kind::kDelay) {
    return node.Error("WH4003", "a known_time delay needs an event_time");
  }
  return Status();
}

Status ReadTableView(const YamlNode& node, FeatureView* view) {
  const std::string what = fmt::format("feature view \"{}\"", view->name);
  WEIRHOUSE_TRY(const YamlNode* source, node.Require("source", what));
  WEIRHOUSE_TRY(view->source, source->AsString("source"));
  WEIRHOUSE_TRY(const YamlNode* entity, node.Require("entity", what));
  WEIRHOUSE_TRY(view->entity, ReadTypedNames(*entity, "entity"));
  if (const YamlNode* event_time = node.Find("event_time")) {
    WEIRHOUSE_TRY(view->event_time, event_time->AsString("event_time"));
  }
  if (const YamlNode* known = node.Find("known_time")) {
    WEIRHOUSE_TRY_STATUS(ReadKnownTime(*known, view));
  }
  if (const YamlNode* as_of = node.Find("as_of")) {
    WEIRHOUSE_TRY(const std::string text, as_of->AsString("as_of"));
    if (text != "latest") {
      return as_of->Error("WH4002", fmt::format("unknown as_of \"{}\"", text))
          .WithHint("write `as_of: latest`, or leave it out");
    }
    view->as_of_latest = true;
  }
  if (const YamlNode* ttl = node.Find("ttl")) {
    if (!ttl->is_scalar() || ttl->text() != "none") {
      WEIRHOUSE_TRY(view->ttl_us, ReadDuration(*ttl, "ttl"));
    }
  }
  if (const YamlNode* windows = node.Find("windows")) {
    WEIRHOUSE_TRY(view->windows, ReadWindows(*windows, what));
  }
  if (const YamlNode* boundary = node.Find("boundary")) {
    WEIRHOUSE_TRY(const std::string text, boundary->AsString("boundary"));
    if (text != "closed_start" && text != "closed_end") {
      return boundary->Error("WH4002", fmt::format("unknown boundary \"{}\"", text))
          .WithHint("closed_start is [t - w, t), the default; closed_end is (t - w, t]");
    }
    view->closed_end = text == "closed_end";
  }
  if (const YamlNode* online = node.Find("online")) {
    WEIRHOUSE_TRY_STATUS(ReadOnline(*online, view));
  }
  return Status();
}

nlohmann::json WindowsJson(const std::vector<Window>& windows) {
  nlohmann::json list = nlohmann::json::array();
  for (const Window& window : windows) list.push_back({window.name, window.us});
  return list;
}

nlohmann::json NamesJson(const std::vector<TypedName>& names) {
  nlohmann::json list = nlohmann::json::array();
  for (const TypedName& name : names) list.push_back({name.name, std::string(TypeName(name.type))});
  return list;
}

Digest DigestOf(const FeatureView& view) {
  nlohmann::json features = nlohmann::json::array();
  for (const Feature& feature : view.features) {
    features.push_back({{"name", feature.name},
                        {"aggregate", std::string(AggregateName(feature.aggregate))},
                        {"of", feature.of},
                        {"windows", WindowsJson(feature.windows)}});
  }
  const nlohmann::json json = {
      {"name", view.name},
      {"version", view.version},
      {"entity", NamesJson(view.entity)},
      {"source", view.source},
      {"request", NamesJson(view.request)},
      {"event_time", view.event_time ? nlohmann::json(*view.event_time) : nlohmann::json()},
      {"known_time",
       {static_cast<int>(view.known_time.kind), view.known_time.column, view.known_time.delay_us}},
      {"as_of_latest", view.as_of_latest},
      {"ttl", view.ttl_us ? nlohmann::json(*view.ttl_us) : nlohmann::json()},
      {"closed_end", view.closed_end},
      {"features", features}};
  return Sha256Of(json.dump());
}

Result<FeatureView> ReadView(const YamlNode& node) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys(
      "a feature view",
      {"feature_view", "version", "entity", "source", "request", "event_time", "known_time",
       "as_of", "ttl", "windows", "boundary", "features", "online", "description"}));
  FeatureView view;
  view.span = node.span();
  WEIRHOUSE_TRY(const YamlNode* name, node.Require("feature_view", "a feature view"));
  WEIRHOUSE_TRY(view.name, name->AsString("the name of a feature view"));
  WEIRHOUSE_TRY_STATUS(CheckName(*name, "the feature view", view.name));
  if (const YamlNode* version = node.Find("version")) {
    WEIRHOUSE_TRY(const std::int64_t number, version->AsInt("version"));
    if (number < 1 || number > 1000000) {
      return version->Error("WH4002", "version must be between 1 and 1,000,000");
    }
    view.version = static_cast<int>(number);
  }
  if (const YamlNode* description = node.Find("description")) {
    WEIRHOUSE_TRY(view.description, description->AsString("description"));
  }
  if (const YamlNode* request = node.Find("request")) {
    for (const char* key : {"source", "entity", "event_time", "known_time", "as_of", "ttl",
                            "windows", "boundary", "online"}) {
      if (const YamlNode* other = node.Find(key)) {
        return other->Error("WH4002",
                            fmt::format("\"{}\" has no meaning in a view of the request", key));
      }
    }
    WEIRHOUSE_TRY(view.request, ReadTypedNames(*request, "request"));
  } else {
    WEIRHOUSE_TRY_STATUS(ReadTableView(node, &view));
  }
  WEIRHOUSE_TRY_STATUS(ReadFeatures(node, &view));
  if (!view.is_request()) WEIRHOUSE_TRY_STATUS(CheckTimes(node, view));
  view.digest = DigestOf(view);
  return view;
}
}  // namespace

std::string_view AggregateName(Aggregate aggregate) {
  if (aggregate == Aggregate::kRequest) return "request";
  return kAggregateNames[static_cast<std::size_t>(aggregate)];
}

std::string_view FillName(OnlineFill fill) {
  if (fill == OnlineFill::kStream) return "stream";
  return fill == OnlineFill::kBatch ? "batch" : "none";
}

std::string FeatureView::id() const { return fmt::format("{}@{}", name, version); }
std::string FeatureView::table_name() const { return fmt::format("feature.{}_v{}", name, version); }

std::vector<OutputColumn> OutputColumnsOf(const FeatureView& view) {
  std::vector<OutputColumn> columns;
  for (std::size_t i = 0; i < view.features.size(); ++i) {
    const Feature& feature = view.features[i];
    if (feature.windows.empty()) {
      columns.push_back({feature.name, view.name + "." + feature.name, i, std::nullopt});
    }
    for (const Window& window : feature.windows) {
      const std::string name = feature.name + "_" + window.name;
      columns.push_back({name, view.name + "." + name, i, window.us});
    }
  }
  return columns;
}

Result<std::vector<FeatureView>> ParseFeatureViews(std::string_view yaml, const std::string& path) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(yaml, path));
  if (documents.empty()) {
    return Status(Code::kInvalidInput, fmt::format("the file holds no feature view: {}", path))
        .WithError("WH4003")
        .WithHint("define one (`feature_view: NAME`), or remove the file");
  }
  std::vector<FeatureView> views;
  std::vector<Status> failures;
  for (const YamlNode& document : documents) {
    Result<FeatureView> view = ReadView(document);
    if (!view.ok()) {
      failures.push_back(view.status());
      continue;
    }
    views.push_back(std::move(view).value());
  }
  if (!failures.empty()) return JoinFailures(std::move(failures));
  WEIRHOUSE_TRY_STATUS(CheckDistinct(views));
  return views;
}

Status CheckDistinct(const std::vector<FeatureView>& views) {
  std::set<std::string> ids;
  for (const FeatureView& view : views) {
    if (ids.insert(view.id()).second) continue;
    return Status(Code::kInvalidInput, fmt::format("two feature views are \"{}\"", view.id()))
        .WithError("WH4004")
        .WithSpan(view.span)
        .WithHint("a changed definition needs a new version");
  }
  return Status();
}

Result<const FeatureView*> FindView(const std::vector<FeatureView>& views, std::string_view name) {
  const FeatureView* found = nullptr;
  std::vector<std::string> known;
  for (const FeatureView& view : views) {
    if (view.id() == name) return &view;
    if (view.name == name && (found == nullptr || found->version < view.version)) found = &view;
    known.push_back(view.id());
    known.push_back(view.name);
  }
  if (found != nullptr) return found;
  return Status(Code::kNotFound, fmt::format("no feature view \"{}\"", name))
      .WithError("WH4009")
      .WithHint(DidYouMean(name, known));
}
}  // namespace weirhouse::feature
