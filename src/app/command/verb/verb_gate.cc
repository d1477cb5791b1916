// gate list, show, history, override, discard.
#include <fmt/format.h>

#include <functional>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/gate_answer.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

// A value in a cell: six digits, "max 5000, min 1" for an object.
std::string ShortText(const json& value) {
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  if (!value.is_object()) return DisplayText(value);
  std::string text;
  for (const auto& [name, part] : value.items())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", EscapeControl(name), ShortText(part));
  return text;
}

// One line for each check: what it saw and what it may be.
void PrintVerdict(Context& context, const catalog::VerdictRecord& verdict) {
  context.Line(fmt::format("gate {} on {}  batch {}  {}", EscapeControl(verdict.gate),
                           EscapeControl(verdict.table), EscapeControl(verdict.batch),
                           catalog::Name(verdict.state)));
  if (!verdict.override_reason.empty()) {
    context.Line(fmt::format("overridden by {}: {}", EscapeControl(verdict.override_by),
                             EscapeControl(verdict.override_reason)));
  }
  Listing checks("checks", {"check", "state", "severity", "rows", "bad", "observed", "bound"});
  for (const json& check : verdict.checks) {
    checks.Add({check.value("name", ""), check.value("state", ""), check.value("severity", ""),
                check.value("population", std::int64_t{0}), check.value("bad", std::int64_t{0}),
                ShortText(check.value("observed", json())),
                ShortText(check.value("bound", json()))});
  }
  context.streams().Out(checks.AsText());
  for (const json& check : verdict.checks) {
    if (!answers::IsTrouble(check)) continue;
    context.Line(
        fmt::format("{}: {}", check.value("state", ""), EscapeControl(check.value("reason", ""))));
    const auto examples = check.find("examples");
    if (examples == check.end() || !examples->is_array()) continue;
    for (const json& row : *examples) context.Line("  " + EscapeControl(Dump(row)));
  }
}

Result<std::string> ReasonOf(const Context& context) {
  const std::optional<std::string> reason = context.invocation().Option("reason");
  if (!reason || Trim(*reason).empty())
    return UsageError("a decision about a gate needs a reason",
                      "--reason TEXT; it is kept for ever");
  return *reason;
}

// Carries a decision out; what it answers is added to the line of the decision.
using Decide = std::function<Result<std::string>(work::Workspace&, RunId, const std::string&)>;

// Decides about a halted run, then runs the backlog: both by what was applied, whatever the files say meanwhile.
Result<int> DecideAndGoOn(Context& context, const Decide& decide, std::string_view done) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(const std::string reason, ReasonOf(context));
  if (context.invocation().dry_run) {
    WEIRHOUSE_TRY(work::Workspace * reading, context.Rehearsing());
    WEIRHOUSE_TRY_STATUS(work::RequireDecidable(*reading, run, reason).status());
    context.Line(fmt::format("would be {}: {}", done, ToString(run)));
    context.Answer({{"run", ToString(run)}, {"decision", done}});
    return kExitOk;
  }
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY(const std::string more, decide(*workspace, run, reason));
  context.Line(fmt::format("{} {}: {}{}", ToString(run), done, EscapeControl(reason), more));
  WEIRHOUSE_TRY(const work::RunSummary summary, work::RunPending(*workspace, context.progress()));
  return ReportRun(context, *workspace, summary);
}
}  // namespace

Result<int> RunGateList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::GatesAnswer answer, answers::ListGates(*workspace));
  Listing listing("gates", {"gate", "table", "checks", "owner", "last_run", "batch", "state"});
  for (const answers::GateRow& row : answer.gates) {
    listing.Add({row.gate, row.table, row.checks, row.owner.empty() ? json() : json(row.owner),
                 row.last ? json(ToString(row.last->run)) : json(),
                 row.last ? json(row.last->batch) : json(),
                 row.last ? json(row.last->state) : json()});
  }
  context.Print(listing, answers::ToJson(answer));
  for (const answers::HaltedBatch& halted : answer.halted) {
    context.Say(fmt::format("{} (batch {}) waits for `wh gate override` or `wh gate discard`",
                            ToString(halted.run), EscapeControl(halted.batch)));
  }
  return kExitOk;
}

Result<int> RunGateShow(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::RunVerdictsAnswer answer, answers::ReadVerdicts(*workspace, run));
  if (!context.wants_json()) {
    for (const catalog::VerdictRecord& verdict : answer.verdicts) PrintVerdict(context, verdict);
  }
  if (answer.halted()) {
    if (!answer.story.empty()) context.Line(EscapeControl(answer.story));
    context.Line(
        fmt::format("halted: publish anyway, wh gate override {0} --reason TEXT; or leave "
                    "the batch out, wh gate discard {0} --reason TEXT",
                    ToString(run)));
  }
  context.Answer(answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunGateHistory(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 40, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  std::optional<std::string> gate;
  if (!context.invocation().words.empty()) gate = context.invocation().Word(0);
  WEIRHOUSE_TRY(const answers::VerdictsAnswer answer,
                answers::ListVerdicts(*workspace, gate, limit));
  Listing listing("verdicts", {"gate", "run", "batch", "state", "reasons"});
  for (const catalog::VerdictRecord& verdict : answer.verdicts) {
    const std::string reasons = answers::ReasonsOf(verdict);
    listing.Add({verdict.gate, ToString(verdict.run), verdict.batch, verdict.state,
                 reasons.empty() ? json() : json(reasons)});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunGateOverride(Context& context) {
  const std::optional<std::string> word = context.invocation().Option("baseline");
  if (word && *word != "include" && *word != "exclude") {
    return UsageError(fmt::format("--baseline wants include or exclude, found \"{}\"", *word),
                      "include: the batch counts as history of later checks");
  }
  const std::optional<bool> baseline = word ? std::optional(*word == "include") : std::nullopt;
  const auto decide = [&](work::Workspace& workspace, RunId run,
                          const std::string& reason) -> Result<std::string> {
    WEIRHOUSE_TRY(const bool counts,
                  work::OverrideGate(workspace, run, reason, context.invocation().user, baseline));
    return std::string(counts ? " (counts as history)" : " (not counted as history)");
  };
  return DecideAndGoOn(context, decide, "overridden");
}
Result<int> RunGateDiscard(Context& context) {
  const auto decide = [&](work::Workspace& workspace, RunId run,
                          const std::string& reason) -> Result<std::string> {
    WEIRHOUSE_TRY_STATUS(work::DiscardGate(workspace, run, reason, context.invocation().user));
    return std::string();
  };
  return DecideAndGoOn(context, decide, "discarded");
}
}  // namespace weirhouse::command
