// feature list, show, get; skew.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "rules/feature/definition/definition.h"
#include "work/answers/check_answer.h"
#include "work/answers/feature_answer.h"
#include "work/serving/online.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

// Parses words like "carrier_delay@1:*" and NAME=VALUE.
Result<work::OnlineRequest> ParseRequest(const Context& context) {
  work::OnlineRequest request;
  std::vector<std::string> assignments;
  for (const std::string& word : context.invocation().words) {
    const std::size_t equals = word.find('=');
    (equals == std::string::npos ? request.features : assignments).push_back(word);
  }
  for (std::string& feature : request.features) {
    if (feature.find(':') == std::string::npos) feature += ":*";
  }
  request.fields = json::object();
  WEIRHOUSE_TRY(request.texts, context.NamedTexts(assignments));
  WEIRHOUSE_TRY(request.at, context.AtTime());
  return request;
}
}  // namespace

Result<int> RunFeatureList(Context& context) {
  WEIRHOUSE_TRY(auto project, context.Definitions());
  Listing listing("views", {"view", "keys", "source", "columns", "known_time", "digest"});
  for (const feature::FeatureView& view : project->views) {
    listing.Add({view.id(), answers::EntityKeysOf(view),
                 view.is_request() ? json() : json(view.source),
                 static_cast<std::int64_t>(feature::OutputColumnsOf(view).size()),
                 view.is_request() ? json() : json(answers::KnownTimeOf(view)),
                 view.digest.ToHex().substr(0, 12)});
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunFeatureShow(Context& context) {
  WEIRHOUSE_TRY(auto project, context.Definitions());
  WEIRHOUSE_TRY(const feature::FeatureView* view,
                feature::FindView(project->views, context.invocation().Word(0)));
  const json document = answers::ToJson(*view);
  const json& shown = document["view"];
  if (!context.wants_json()) {
    context.Line(fmt::format("{}  keys {}  source {}  digest {}", EscapeControl(view->id()),
                             EscapeControl(answers::EntityKeysOf(*view)),
                             view->is_request() ? "the request" : EscapeControl(view->source),
                             view->digest.ToHex().substr(0, 16)));
    if (!view->is_request()) {
      context.Line(
          fmt::format("event time {}, known time {}, ttl {}", DisplayText(shown["event_time"]),
                      EscapeControl(answers::KnownTimeOf(*view)), DisplayText(shown["ttl"])));
    }
    Listing columns("columns", {"column", "aggregate", "of", "window"});
    for (const json& column : shown["columns"]) {
      columns.Add({column["column"], column["aggregate"],
                   column["of"] == "" ? json() : column["of"], column["window"]});
    }
    context.Print(columns);
  }
  context.Answer(document);
  return kExitOk;
}

Result<int> RunFeatureGet(Context& context) {
  WEIRHOUSE_TRY(const work::OnlineRequest request, ParseRequest(context));
  if (request.features.empty())
    return UsageError("no feature was named", "for example 'carrier_delay@1:*' carrier=UA");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const work::OnlineVector vector, work::OnlineFeatures(*workspace, request));
  if (context.wants_json()) {
    context.Answer(work::ToJson(vector));
    return kExitOk;
  }
  Listing listing("features", {"feature", "value", "status", "event_time"});
  for (const work::OnlineFeature& feature : vector.features) {
    listing.Add({feature.name, feature.value, feature.status,
                 feature.event_time ? json(FormatTime(*feature.event_time)) : json()});
  }
  context.Print(listing);
  context.Say(fmt::format("at {}  commit {}  digest {}", FormatTime(vector.at), vector.seq.value(),
                          vector.digest.ToHex().substr(0, 16)));
  return kExitOk;
}

Result<int> RunSkew(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t pairs, context.IntOption("pairs", 10'000, 1, 100'000'000));
  WEIRHOUSE_TRY(const std::int64_t seed, context.IntOption("seed", 7, 0, 1LL << 62));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const work::SkewReport report,
                work::MeasureSkew(*workspace, pairs, static_cast<std::uint64_t>(seed)));
  std::string line = fmt::format("{} pairs, {} values: {} differ", WithThousands(report.pairs),
                                 WithThousands(report.values), WithThousands(report.differing));
  if (report.status_differing > 0) {
    line += fmt::format(", {} more have another status", WithThousands(report.status_differing));
  }
  context.Line(line);
  for (const std::string& one : report.first) context.Line("  " + EscapeControl(one));
  for (const std::string& view : report.not_asked)
    context.Line("not compared: " + EscapeControl(view));
  context.Answer(answers::ToJson(report));
  if (!report.same()) return kExitDiffers;
  return report.not_asked.empty() ? kExitOk : ExitCode(Code::kUnavailable);
}
}  // namespace weirhouse::command
