// run-view open, list, show, publish, discard: write, audit, publish for other engines.
#include <fmt/format.h>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/foreign/run_view.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

Result<std::optional<std::chrono::seconds>> LifetimeOfView(const Context& context) {
  const std::optional<std::string> text = context.invocation().Option("expires");
  if (!text) return std::optional<std::chrono::seconds>();
  const auto micros = ParseDurationMicros(*text);
  if (!micros.ok() || *micros < 1'000'000) {
    return UsageError(fmt::format("a run view cannot expire after \"{}\"", EscapeControl(*text)),
                      "--expires 1h; without it one day");
  }
  return std::optional(std::chrono::seconds(*micros / 1'000'000));
}

// What DuckDB is told to write through the view.
std::string AttachOf(const std::string& project, RunId run, const std::string& uri,
                     const std::string& token) {
  return fmt::format(
      "CREATE SECRET {0} (TYPE iceberg, TOKEN '{2}');\n"
      "ATTACH '{3}' AS {0} (TYPE iceberg, ENDPOINT '{1}', SECRET {0}, "
      "ACCESS_DELEGATION_MODE 'none', REMOVE_FILES_ON_DELETE false);",
      ToString(run), uri, token, project);
}

json ViewJson(const work::RunView& view) {
  json base = json::object();
  for (const auto& [table, snapshot] : view.base) base[table] = snapshot.value();
  return {{"run", ToString(view.run)},
          {"tables", view.tables},
          {"state", view.state},
          {"opened_by", view.opened_by},
          {"opened_at", FormatTime(view.opened_at)},
          {"staged_from", std::move(base)},
          {"problem", view.problem.empty() ? json() : json(view.problem)}};
}
}  // namespace

Result<int> RunRunViewOpen(Context& context) {
  const Invocation& invocation = context.invocation();
  WEIRHOUSE_TRY(const auto lifetime, LifetimeOfView(context));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY(const work::OpenedView opened,
                work::OpenRunView(*workspace, invocation.words, invocation.user, lifetime));
  const std::string run = ToString(opened.view.run);
  const std::string uri =
      fmt::format("{}/iceberg/views/{}", work::AddressOf(workspace->project().root), run);
  context.Line(fmt::format("run view  {} of {}", run, Join(opened.view.tables, ", ")));
  context.Line(fmt::format("uri       {}", uri));
  context.Line(fmt::format("token     {}     shown this once", opened.token));
  context.Line("");
  context.Line(AttachOf(workspace->project().name, opened.view.run, uri, opened.token));
  context.Say(fmt::format("readers see what was staged after `wh run-view publish {}`", run));
  json document = ViewJson(opened.view);
  document["uri"] = uri;
  document["token"] = opened.token;
  context.Answer(std::move(document));
  return kExitOk;
}

Result<int> RunRunViewList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const std::vector<work::RunView> views, work::RunViews(*workspace));
  Listing listing("run views", {"run", "tables", "state", "opened_by", "opened_at", "problem"});
  for (const work::RunView& view : views) {
    listing.Add({ToString(view.run), Join(view.tables, ", "), view.state, view.opened_by,
                 FormatTime(view.opened_at), view.problem.empty() ? json() : json(view.problem)});
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunRunViewShow(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const work::RunView view, work::FindRunView(*workspace, run));
  context.Line(fmt::format("run view  {}, {}", ToString(run), view.state));
  context.Line(
      fmt::format("opened    {} by {}", FormatTime(view.opened_at), EscapeControl(view.opened_by)));
  json document = ViewJson(view);
  for (const std::string& name : view.tables) {
    WEIRHOUSE_TRY(const auto table, workspace->FindTable(name));
    if (!table) continue;
    const iceberg::Snapshot* staged = (*table)->FindRef(work::ViewStagingRef(run));
    const bool open = view.state == "open";
    std::string what = open ? "nothing staged" : "";
    if (staged != nullptr) {
      const auto rows = staged->summary.find("total-records");
      what = fmt::format("staged: {} rows",
                         rows == staged->summary.end() ? std::string("?") : rows->second);
      document["staged"][name] = staged->id.value();
    }
    context.Line(fmt::format("table     {}  {}", name, what));
  }
  if (!view.problem.empty()) context.Line(EscapeControl(view.problem));
  context.Answer(std::move(document));
  return kExitOk;
}

Result<int> RunRunViewPublish(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY(const work::ViewVerdict verdict,
                work::PublishRunView(*workspace, run, context.invocation().user));
  if (!verdict.published) {
    json verdicts = json::array();
    for (const catalog::VerdictRecord& one : verdict.verdicts) {
      verdicts.push_back(
          {{"gate", one.gate}, {"table", one.table}, {"state", one.state}, {"checks", one.checks}});
    }
    for (const std::string_view line : Split(verdict.message, '\n')) {
      context.Line(EscapeControl(line));
    }
    context.Answer({{"run", ToString(run)},
                    {"published", false},
                    {"message", verdict.message},
                    {"verdicts", std::move(verdicts)}});
    // What those downstream left undone before is not this view's.
    return kExitGateFailed;
  }
  context.Line(fmt::format("{} published: {} gates and contracts passed", ToString(run),
                           verdict.verdicts.size()));
  WEIRHOUSE_TRY(const work::RunSummary summary, work::RunPending(*workspace, context.progress()));
  return ReportRun(context, *workspace, summary);
}

Result<int> RunRunViewDiscard(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  const std::string reason = context.invocation().Option("reason").value_or("");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY_STATUS(work::DiscardRunView(*workspace, run, reason, context.invocation().user));
  context.Line(fmt::format("{} discarded: {}", ToString(run), EscapeControl(reason)));
  context.Answer({{"run", ToString(run)}, {"state", "discarded"}, {"reason", reason}});
  return kExitOk;
}
}  // namespace weirhouse::command
