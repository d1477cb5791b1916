// gate list, show, history, override, discard.
#include <fmt/format.h>

#include <functional>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

json VerdictAsJson(const catalog::VerdictRecord& verdict) {
  json object = {{"gate", verdict.gate},          {"table", verdict.table},
                 {"run", ToString(verdict.run)},  {"state", verdict.state},
                 {"batch", verdict.batch},        {"batch_end", FormatTime(verdict.batch_end)},
                 {"commit", verdict.seq.value()}, {"checks", verdict.checks}};
  if (!verdict.override_reason.empty()) {
    object["override"] = {{"reason", verdict.override_reason}, {"by", verdict.override_by}};
  }
  return object;
}

std::string Reasons(const catalog::VerdictRecord& verdict) {
  std::string reasons;
  for (const json& check : verdict.checks) {
    const std::string state = check.value("state", "");
    if (state == "passed" || state == "skipped" || state == "warming") continue;
    reasons += (reasons.empty() ? "" : "; ") + check.value("reason", check.value("name", ""));
  }
  return reasons;
}

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
                           verdict.state));
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
    const std::string state = check.value("state", "");
    if (state == "passed" || state == "skipped" || state == "warming") continue;
    context.Line(fmt::format("{}: {}", state, EscapeControl(check.value("reason", ""))));
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
  Listing listing("gates", {"gate", "table", "checks", "owner", "last_run", "batch", "state"});
  for (const gate::GateDefinition& gate : workspace->project().gates) {
    WEIRHOUSE_TRY(const auto last, workspace->catalog().Verdicts({gate.name, std::nullopt, 1}));
    const bool judged = !last.empty();
    listing.Add({gate.name, gate.table, static_cast<std::int64_t>(gate.checks.size()),
                 gate.owner.empty() ? json() : json(gate.owner),
                 judged ? json(ToString(last[0].run)) : json(),
                 judged ? json(last[0].batch) : json(), judged ? json(last[0].state) : json()});
  }
  context.Print(listing);
  WEIRHOUSE_TRY(
      const auto halted,
      workspace->catalog().Runs({std::nullopt, catalog::RunState::kHalted, std::nullopt, 100}));
  for (const catalog::Run& run : halted) {
    context.Say(fmt::format("{} (batch {}) waits for `wh gate override` or `wh gate discard`",
                            ToString(run.id), EscapeControl(run.plan.name)));
  }
  return kExitOk;
}

Result<int> RunGateShow(Context& context) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(context.invocation().Word(0)));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const catalog::Run found, workspace->catalog().GetRun(run));
  WEIRHOUSE_TRY(const auto verdicts, workspace->catalog().Verdicts({std::nullopt, run, 1000}));
  if (verdicts.empty()) {
    return Status(Code::kNotFound, fmt::format("no gate judged run {} ({} {})", ToString(run),
                                               found.plan.kind, found.plan.name))
        .WithError("WH8037")
        .WithHint("`wh gate history` lists the runs that were judged");
  }
  json list = json::array();
  for (auto verdict = verdicts.rbegin(); verdict != verdicts.rend(); ++verdict) {
    list.push_back(VerdictAsJson(*verdict));
    if (!context.wants_json()) PrintVerdict(context, *verdict);
  }
  if (found.state == catalog::RunState::kHalted) {
    // Its story tells what the checks do not see: what of the batch is in quarantine.
    WEIRHOUSE_TRY(const auto story, catalog::setting::Halted(run).In(workspace->catalog()));
    if (story && story->is_object()) context.Line(EscapeControl(story->value("message", "")));
    context.Line(
        fmt::format("halted: publish anyway, wh gate override {0} --reason TEXT; or leave "
                    "the batch out, wh gate discard {0} --reason TEXT",
                    ToString(run)));
  }
  context.Answer({{"run", ToString(run)},
                  {"run_state", catalog::RunStateName(found.state)},
                  {"verdicts", std::move(list)}});
  return kExitOk;
}

Result<int> RunGateHistory(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 40, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  catalog::VerdictFilter filter;
  filter.limit = limit;
  if (!context.invocation().words.empty()) filter.gate = context.invocation().Word(0);
  WEIRHOUSE_TRY(const auto verdicts, workspace->catalog().Verdicts(filter));
  if (verdicts.empty() && filter.gate) {
    std::vector<std::string> known;
    for (const gate::GateDefinition& gate : workspace->project().gates) known.push_back(gate.name);
    if (std::find(known.begin(), known.end(), *filter.gate) == known.end()) {
      return Status(Code::kNotFound, fmt::format("no such gate: \"{}\"", *filter.gate))
          .WithError("WH8037")
          .WithHint(DidYouMean(*filter.gate, known));
    }
  }
  Listing listing("verdicts", {"gate", "run", "batch", "state", "reasons"});
  for (const catalog::VerdictRecord& verdict : verdicts) {
    const std::string reasons = Reasons(verdict);
    listing.Add({verdict.gate, ToString(verdict.run), verdict.batch, verdict.state,
                 reasons.empty() ? json() : json(reasons)});
    if (!verdict.override_reason.empty()) {
      listing.Detail("override",
                     {{"reason", verdict.override_reason}, {"by", verdict.override_by}});
    }
  }
  context.Print(listing);
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
