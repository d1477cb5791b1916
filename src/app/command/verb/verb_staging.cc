// staging open, list, show, publish, discard: write, audit, publish for other engines.
#include <fmt/format.h>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/access/staging_answer.h"
#include "work/foreign/staging_area.h"
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
    return UsageError(
        fmt::format("a staging area cannot expire after \"{}\"", EscapeControl(*text)),
        "--expires 1h; without it one day");
  }
  return std::optional(std::chrono::seconds(*micros / 1'000'000));
}

// The DuckDB statements that attach the area for writing.
std::string AttachSql(const std::string& project, RunId run, const std::string& uri,
                      const std::string& token) {
  return fmt::format(
      "CREATE SECRET {0} (TYPE iceberg, TOKEN '{2}');\n"
      "ATTACH '{3}' AS {0} (TYPE iceberg, ENDPOINT '{1}', SECRET {0}, "
      "ACCESS_DELEGATION_MODE 'none', REMOVE_FILES_ON_DELETE false);",
      ToString(run), uri, token, project);
}
}  // namespace

Result<int> RunStagingOpen(Context& context) {
  const Invocation& invocation = context.invocation();
  WEIRHOUSE_TRY(const auto lifetime, LifetimeOfView(context));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  answers::StagingOpenedAnswer answer;
  WEIRHOUSE_TRY(answer.opened,
                work::OpenStagingArea(*workspace, invocation.words, invocation.user, lifetime));
  const work::OpenedStagingArea& opened = answer.opened;
  const std::string run = ToString(opened.area.run);
  answer.uri =
      fmt::format("{}/iceberg/staging/{}", work::LoadAddress(workspace->project().root), run);
  context.Line(fmt::format("staging area  {} of {}", run, Join(opened.area.tables, ", ")));
  context.Line(fmt::format("uri       {}", answer.uri));
  context.Line(fmt::format("token     {}     shown this once", opened.token));
  context.Line("");
  context.Line(AttachSql(workspace->project().name, opened.area.run, answer.uri, opened.token));
  if (context.host() == nullptr)
    context.Say("no daemon answers at that address yet: start `wh serve` before writing there");
  context.Say(fmt::format("readers see what was staged only after `wh staging publish {}`", run));
  context.Answer(answers::ToJson(answer));
  return kExitOk;
}

namespace {
// In a row of a list; `wh staging show` has all lines.
json FirstLine(const std::string& text) {
  return text.empty() ? json() : json(text.substr(0, text.find('\n')));
}
}  // namespace

Result<int> RunStagingList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::StagingAreasAnswer answer, answers::ListStagingAreas(*workspace));
  Listing listing("staging_areas", {"run", "tables", "state", "opened_by", "opened_at", "problem"});
  for (const work::StagingArea& area : answer.areas) {
    listing.Add({ToString(area.run), Join(area.tables, ", "), area.state, area.opened_by,
                 FormatTime(area.opened_at), FirstLine(area.problem)});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunStagingShow(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::StagingAreaAnswer answer, answers::ReadStagingArea(*workspace, run));
  const work::StagingArea& area = answer.area;
  context.Line(fmt::format("staging area  {}, {}", ToString(run), area.state));
  context.Line(
      fmt::format("opened    {} by {}", FormatTime(area.opened_at), EscapeControl(area.opened_by)));
  for (const std::string& name : area.tables) {
    const auto found = answer.staged.find(name);
    if (found == answer.staged.end()) continue;
    const std::string what = found->second ? fmt::format("staged: {} rows", found->second->rows)
                             : area.state == "open" ? "nothing staged"
                                                    : "";
    context.Line(fmt::format("table     {}  {}", name, what));
  }
  for (const std::string_view line : Split(area.problem, '\n')) {
    if (!line.empty()) context.Line(EscapeControl(line));
  }
  context.Answer(answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunStagingPublish(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY(const work::StagingVerdict verdict,
                work::PublishStagingArea(*workspace, run, context.invocation().user));
  if (!verdict.published) {
    for (const std::string_view line : Split(verdict.message, '\n')) {
      context.Line(EscapeControl(line));
    }
    context.Answer(answers::RefusedJson(run, verdict));
    // Backlog of downstream steps does not count against this area.
    return kExitGateFailed;
  }
  context.Line(fmt::format("{} published: {} gates and contracts passed", ToString(run),
                           verdict.verdicts.size()));
  WEIRHOUSE_TRY(const work::RunSummary summary, work::RunPending(*workspace, context.progress()));
  return ReportRun(context, *workspace, summary);
}

Result<int> RunStagingDiscard(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  const std::string reason = context.invocation().Option("reason").value_or("");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY_STATUS(
      work::DiscardStagingArea(*workspace, run, reason, context.invocation().user));
  context.Line(fmt::format("{} discarded: {}", ToString(run), EscapeControl(reason)));
  context.Answer({{"run", ToString(run)}, {"state", "discarded"}, {"reason", reason}});
  return kExitOk;
}
}  // namespace weirhouse::command
