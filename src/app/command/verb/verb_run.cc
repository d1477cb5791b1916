// plan, apply, ingest, run: from files to features.
#include <fmt/format.h>

#include <algorithm>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "rules/feature/definition/definition.h"
#include "work/answers/project/plan_answer.h"
#include "work/answers/run_answer.h"
#include "work/landing/object_reader.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::string_view kKinds[] = {"contract",     "topic",        "delimiter", "format",
                                       "nulls",        "seed",         "processed", "gate",
                                       "feature view", "training set", "model"};

std::string_view ActionSign(work::PlanItem::Action action) {
  switch (action) {
    case work::PlanItem::Action::kAdd:
      return "+";
    case work::PlanItem::Action::kChange:
      return "~";
    case work::PlanItem::Action::kRemove:
      return "-";
  }
  return "?";
}

std::string Plural(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", WithThousands(count), count == 1 ? one : many);
}

// What stands in brackets after a kind that is new: "1 with history", "14 checks".
std::string FormatDetail(const work::ProjectDefinition& project, std::string_view kind) {
  if (kind == "processed") {
    std::int64_t histories = 0;
    std::size_t external = 0;
    for (const transform::CheckedTransform& transform : project.transforms) {
      histories += transform.definition.history == transform::History::kKeep ? 1 : 0;
      external += transform.definition.is_external() ? 1 : 0;
    }
    std::string detail = histories == 0 ? "" : fmt::format(", {} with history", histories);
    if (external == project.transforms.size()) return " external";
    if (external > 0) detail += fmt::format(", {} external", external);
    return detail;
  }
  std::int64_t count = 0;
  if (kind == "gate") {
    for (const gate::GateDefinition& gate : project.gates)
      count += static_cast<std::int64_t>(gate.checks.size());
    return fmt::format(" ({})", Plural(count, "check", "checks"));
  }
  if (kind == "feature view") {
    for (const feature::FeatureView& view : project.views)
      count += static_cast<std::int64_t>(feature::OutputColumnsOf(view).size());
    return fmt::format(" ({})", Plural(count, "column", "columns"));
  }
  return "";
}

// Prints one entry for each kind if everything is new; else one line for each item.
void PrintItems(Context& context, const work::ProjectDefinition& project, const work::Plan& plan) {
  const bool all_new = std::all_of(
      plan.items.begin(), plan.items.end(),
      [](const work::PlanItem& item) { return item.action == work::PlanItem::Action::kAdd; });
  std::string line;
  for (const std::string_view kind : kKinds) {
    const auto count = std::count_if(plan.items.begin(), plan.items.end(),
                                     [&](const work::PlanItem& item) { return item.kind == kind; });
    if (count == 0) continue;
    line += fmt::format("{}+ {} {}{}", line.empty() ? "" : "   ", kind, count,
                        FormatDetail(project, kind));
    if (kind == "processed" && plan.waiting_objects > 0) {
      line += fmt::format(" (backfill {}, {})", Plural(plan.waiting_objects, "object", "objects"),
                          Plural(plan.waiting_batches, "batch", "batches"));
    }
  }
  if (all_new && plan.items.size() > 1) {
    if (!line.empty()) context.Line(line);
    return;
  }
  for (const work::PlanItem& item : plan.items) {
    context.Line(fmt::format("{} {} {}{}", ActionSign(item.action), item.kind,
                             EscapeControl(item.name),
                             item.detail.empty() ? "" : ": " + EscapeControl(item.detail)));
  }
}

// "2 objects in 1 batch, 14 records of topics"; empty if nothing waits.
std::string WhatWaits(const work::Plan& plan) {
  std::string what;
  if (plan.waiting_objects > 0) {
    what = fmt::format("{} in {}", Plural(plan.waiting_objects, "object", "objects"),
                       Plural(plan.waiting_batches, "batch", "batches"));
  }
  std::int64_t records = 0;
  for (const auto& [source, waiting] : plan.waiting_in_topics) records += waiting;
  if (records > 0) {
    what += fmt::format("{}{} of topics", what.empty() ? "" : ", ",
                        Plural(records, "record", "records"));
  }
  return what;
}

void PrintPlan(Context& context, const work::ProjectDefinition& project, const work::Plan& plan) {
  std::int64_t add = 0;
  std::int64_t change = 0;
  std::int64_t remove = 0;
  for (const work::PlanItem& item : plan.items) {
    add += item.action == work::PlanItem::Action::kAdd ? 1 : 0;
    change += item.action == work::PlanItem::Action::kChange ? 1 : 0;
    remove += item.action == work::PlanItem::Action::kRemove ? 1 : 0;
  }
  PrintItems(context, project, plan);
  std::string totals;
  for (const auto& [count, what] :
       {std::pair{add, "to add"}, {change, "to change"}, {remove, "to remove"}}) {
    if (count > 0) totals += fmt::format("{}{} {}", totals.empty() ? "" : ", ", count, what);
  }
  if (plan.empty()) {
    const char* none = plan.behind_halt || !plan.waiting_views.empty()
                           ? "no changes, nothing landed waits"
                           : "no changes, nothing waits";
    const std::string waits = WhatWaits(plan);
    context.Line(waits.empty() ? none : fmt::format("no changes; {} wait", waits));
  } else {
    context.Line(fmt::format("plan {}: {}", plan.digest, totals));
  }
  if (plan.behind_halt) context.Line(Story(*plan.behind_halt));
  if (!plan.waiting_views.empty()) context.Line(StoryOfViews(plan.waiting_views));
  for (const std::string& note : plan.notes) context.Say("note: " + EscapeControl(note));
  SayMissingFolders(context, plan.missing_folders);
}

// What `run --dry-run` and the like print: what would be run.
Result<int> ShowWaiting(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.ReadingFiles());
  WEIRHOUSE_TRY(const work::Plan plan, work::MakePlan(*workspace));
  const std::string waits = WhatWaits(plan);
  context.Line("would land " + (waits.empty() ? "nothing" : waits));
  context.Answer({{"waiting_objects", plan.waiting_objects},
                  {"waiting_batches", plan.waiting_batches},
                  {"waiting_in_topics", plan.waiting_in_topics}});
  return kExitOk;
}
}  // namespace

Result<int> RunPlan(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.ReadingFiles());
  WEIRHOUSE_TRY(const answers::PlanAnswer answer,
                answers::RehearsePlan(*workspace, context.progress()));
  if (!context.wants_json()) PrintPlan(context, workspace->project(), answer.plan);
  context.Answer(answers::ToJson(answer));
  const bool exits = context.invocation().Has("detailed-exitcode");
  return exits && !answer.plan.empty() ? kExitChanges : kExitOk;
}

Result<int> RunApply(Context& context) {
  if (context.invocation().dry_run) return RunPlan(context);
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingFiles());
  std::string digest = context.invocation().Word(0);
  // Whoever names the plan's digest has seen the plan.
  if (digest.empty()) {
    WEIRHOUSE_TRY(const work::Plan plan, work::MakePlan(*workspace));
    const Status checked =
        work::CheckPlan(*workspace, plan, context.progress(), /*rehearses=*/false);
    // Apply checks it again, after files that landed again have restored what was missing.
    if (!checked.ok() && !landing::WantsItsFile(checked)) return checked;
    if (!context.invocation().yes && !plan.empty()) {
      PrintPlan(context, workspace->project(), plan);
      WEIRHOUSE_TRY_STATUS(context.Confirm(fmt::format("apply plan {}?", plan.digest)));
    }
    digest = plan.digest;
  }
  WEIRHOUSE_TRY(const work::RunSummary summary,
                work::Apply(*workspace, digest, context.progress(), context.Registered()));
  return ReportRun(context, *workspace, summary);
}

namespace {
// One piece of upkeep, if some is due. What was asked for is done, so its failure is only told.
void TakeTurn(Context& context, work::Workspace& workspace) {
  const Result<std::string> done = work::UpkeepTurns(workspace.clock()).Take(workspace);
  if (!done.ok()) context.Say("upkeep failed and is tried again: " + done.status().ToString());
  if (done.ok() && !done->empty()) context.Say(*done);
}
}  // namespace

Result<int> RunIngest(Context& context) {
  if (context.invocation().dry_run) return ShowWaiting(context);
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY(const work::RunSummary summary, work::RunPending(*workspace, context.progress()));
  if (!summary.halted) TakeTurn(context, *workspace);
  return ReportRun(context, *workspace, summary);
}

Result<int> RunRun(Context& context) {
  if (!context.invocation().Has("full")) return RunIngest(context);
  if (context.invocation().dry_run) return ShowWaiting(context);
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY(const work::RunSummary summary, work::RunFull(*workspace, context.progress()));
  return ReportRun(context, *workspace, summary);
}

Result<int> RunRuns(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 40, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::RunsAnswer answer, answers::ListRuns(*workspace, limit));
  Listing listing("runs", {"run", "kind", "name", "state", "attempt", "commit", "planned_at"});
  for (const catalog::Run& run : answer.runs) {
    listing.Add({ToString(run.id), catalog::ShownName(run.plan.kind), run.plan.name,
                 catalog::RunStateName(run.state), run.attempt,
                 run.seq ? json(run.seq->value()) : json(), FormatTime(run.planned_at)});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}
}  // namespace weirhouse::command
