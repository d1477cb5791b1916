// Applies a plan: registers the definitions in the files, and rebuilds the tables that they change
// in the same commit.
#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "work/ingest/raw_step.h"
#include "work/ingest/topic_arrivals.h"
#include "work/landing/object_reader.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/feature/left_out.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/pipeline/plan/reading_change.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/project/seed_join.h"
#include "work/records/contract_reading.h"
#include "work/workspace/applied.h"
#include "work/workspace/project_applied.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/tables/external_table.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
namespace setting = catalog::setting;

// Adds the definitions in the files to a commit.
Status AddDefinitions(Workspace& workspace, const catalog::Catalog::Offset& offset,
                      Publication& publication) {
  const ProjectDefinition& project = workspace.project();
  WEIRHOUSE_TRY(const CodeObject code, StoreCode(workspace));
  catalog::CommitRequest& request = publication.request();
  request.offsets.push_back({"apply", offset.position, offset.position + 1, offset.generation});
  request.settings.push_back(setting::Applied().To(DefinitionDigests(project)));
  request.settings.push_back(setting::AppliedCode().To(code.node.key));
  WEIRHOUSE_TRY(const json readings, AppliedReadings(workspace));
  request.settings.push_back(setting::Readings().To(ReadingsToApply(readings, project)));
  request.settings.push_back(setting::OnlineFills().To(OnlineFillsOf(project)));
  WEIRHOUSE_TRY_STATUS(RegisterTopics(workspace, request));
  WEIRHOUSE_TRY(const json read_by, ReadByToApply(workspace));
  if (!read_by.empty()) request.settings.push_back(setting::ReadBy().To(read_by));
  WEIRHOUSE_TRY_STATUS(StageExternalTables(workspace, publication));
  request.files.push_back(code.file);
  request.lineage.Uses(code.node, code.record);
  for (const auto& [id, contract] : project.contracts) {
    const json registered = json::parse(contract->ToJson());
    request.settings.push_back(setting::Contract(id).To(registered));
    request.settings.push_back(
        setting::ContractVersions(id).Of(contract->version().ToString()).To(registered));
    request.lineage.Describe(
        {catalog::NodeKind::kContract, contract->Title()},
        {{"digest", contract->digest().ToHex()}, {"owner", contract->owner()}});
  }
  for (const feature::FeatureView& view : project.views) {
    request.lineage.Describe({catalog::NodeKind::kView, view.id()},
                             {{"digest", view.digest.ToHex()}, {"source", view.source}});
  }
  return Status();
}

// "feature.late_v1" of "late@1".
std::string TableOfView(const std::string& id) {
  const std::size_t at = id.rfind('@');
  return fmt::format("feature.{}_v{}", id.substr(0, at), id.substr(at + 1));
}

// Registers the definitions in a commit of their own.
Status Register(Workspace& workspace, const Plan& plan) {
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset, workspace.catalog().OffsetOf("apply"));
  StepInputs step;
  step.kind = catalog::RunKind::kApply;
  step.name = plan.digest;
  step.code = {workspace.project().code.ToHex()};
  step.inputs = {{"generation", offset.position}};
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  Publication publication(workspace, run, catalog::Layer::kMaintenance, plan.digest);
  WEIRHOUSE_TRY_STATUS(AddDefinitions(workspace, offset, publication));
  for (const PlanItem& item : plan.items) {
    if (item.kind == "feature view" && item.action == PlanItem::Action::kRemove)
      WEIRHOUSE_TRY_STATUS(TakeBackView(workspace, publication, TableOfView(item.name)));
  }
  return publication.Commit().status();
}

// Registers the definitions together with all tables as they make them.
Result<RunSummary> RegisterRebuilt(Workspace& workspace, Progress& progress) {
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset, workspace.catalog().OffsetOf("apply"));
  WEIRHOUSE_TRY(const json read_by, ReadByToApply(workspace));
  FullRunOptions options;
  options.read_by = &read_by;
  options.generation = offset.position;
  options.also = [&](Publication& publication) {
    return AddDefinitions(workspace, offset, publication);
  };
  return RebuildAll(workspace, progress, options);
}

// Refuses to drop a source whose records were stored and not processed yet.
Status RefuseLostBacklog(Workspace& workspace) {
  WEIRHOUSE_TRY_STATUS(RefuseLostRecords(workspace));
  WEIRHOUSE_TRY(const json readings, AppliedReadings(workspace));
  WEIRHOUSE_TRY(const auto offset, workspace.catalog().OffsetOf(std::string(kProcessedConsumer)));
  for (const auto& [name, reading] : readings.items()) {
    if (workspace.project().FindSource(name) != nullptr) continue;
    catalog::ObjectFilter filter;
    filter.source = name;
    WEIRHOUSE_TRY(const auto objects, workspace.catalog().Objects(filter));
    for (const catalog::ObjectRecord& object : objects) {
      if (object.seq.value() <= offset.position) continue;
      return Status(Code::kContractRefused,
                    fmt::format("the source \"{}\" is gone from weirhouse.yaml, and records of it "
                                "still wait to be processed: {}/{}",
                                name, name, EscapeControl(object.name)))
          .WithError("WH2028")
          .WithHint("restore it until `wh ingest` has processed them");
    }
  }
  return Status();
}
// Refuses seeds that hold a key twice, if the seed or the table that joins it is new.
Status RefuseSeedKeys(Workspace& workspace, const json& applied) {
  const json wanted = DefinitionDigests(workspace.project());
  const auto changed = [&](const char* section, const std::string& name) {
    const json before = applied.value(section, json::object());
    return !before.contains(name) || before.at(name) != wanted.at(section).at(name);
  };
  WEIRHOUSE_TRY(const auto session, workspace.sql().Connect());
  return CheckSeedKeys(workspace.project(), *session,
                       [&](const std::string& table, const std::string& seed) {
                         return changed("processed", table) || changed("seeds", seed);
                       });
}
// Does `work`. If a raw object is missing or damaged, takes in landed files, which may restore it,
// and tries again; new files wait until the definitions that read them are registered.
Status WithRawObjects(Workspace& workspace, Progress& progress, RunSummary& restored,
                      const std::function<Status()>& work) {
  const Status status = work();
  if (!landing::WantsItsFile(status)) return status;
  WEIRHOUSE_TRY(const bool any, LandWaiting(workspace, restored, Take::kKnown, progress));
  return any ? work() : status;
}
}  // namespace

Status CheckPlan(Workspace& workspace, const Plan& plan, Progress& progress, bool rehearses) {
  WEIRHOUSE_TRY(const json applied, AppliedDigests(workspace));
  WEIRHOUSE_TRY(const json readings, AppliedReadings(workspace));
  WEIRHOUSE_TRY_STATUS(CheckReadings(workspace, applied, readings, progress));
  WEIRHOUSE_TRY_STATUS(RefuseLostBacklog(workspace));
  WEIRHOUSE_TRY_STATUS(RefuseSeedKeys(workspace, applied));
  if (!plan.rebuilds) return Status();
  WEIRHOUSE_TRY(const std::optional<catalog::Run> halted, HaltedRun(workspace));
  if (!halted && !rehearses) return Status();
  if (!halted) {
    WEIRHOUSE_TRY(const json read_by, ReadByToApply(workspace));
    return RehearseRebuild(workspace, progress, read_by);
  }
  return Status(Code::kConflict, fmt::format("tables would be rebuilt, but run {} waits for "
                                             "a decision about its gate",
                                             ToString(halted->id)))
      .WithError("WH3023")
      .WithHint("run `wh gate override` or `wh gate discard` first");
}

Result<RunSummary> Apply(Workspace& workspace, const std::string& plan_digest, Progress& progress,
                         const std::function<void()>& registered) {
  WEIRHOUSE_TRY(const Plan plan, MakePlan(workspace));
  if (!plan_digest.empty() && plan.digest != plan_digest) {
    return Status(Code::kConflict, fmt::format("the plan is stale: asked for {}, now it is {}",
                                               plan_digest, plan.digest))
        .WithError("WH2022")
        .WithHint("look at `wh plan` again");
  }
  RunSummary restored;
  WEIRHOUSE_TRY_STATUS(WithRawObjects(workspace, progress, restored, [&] {
    return CheckPlan(workspace, plan, progress, /*rehearses=*/false);
  }));
  // A new seed is not an item of the plan, but is registered as well.
  WEIRHOUSE_TRY(const json applied, AppliedDigests(workspace));
  WEIRHOUSE_TRY(const json readings, AppliedReadings(workspace));
  const bool changed = !plan.empty() || applied != DefinitionDigests(workspace.project()) ||
                       readings != ReadingsToApply(readings, workspace.project());
  RunSummary rebuilt;
  if (changed && plan.rebuilds) {
    WEIRHOUSE_TRY_STATUS(WithRawObjects(workspace, progress, restored, [&]() -> Status {
      WEIRHOUSE_TRY(rebuilt, RegisterRebuilt(workspace, progress));
      return Status();
    }));
  } else if (changed) {
    WEIRHOUSE_TRY_STATUS(Register(workspace, plan));
  }
  if (changed && registered) registered();
  WEIRHOUSE_TRY(RunSummary summary, RunPending(workspace, progress));
  // Adds to the summary what was rebuilt, and what the new tables cannot keep.
  summary.commits += rebuilt.commits;
  for (const auto& [table, rows] : rebuilt.rows_by_table) summary.rows_by_table[table] += rows;
  summary.quarantined.insert(summary.quarantined.begin(), rebuilt.quarantined.begin(),
                             rebuilt.quarantined.end());
  summary.warnings.insert(summary.warnings.begin(), rebuilt.warnings.begin(),
                          rebuilt.warnings.end());
  summary.warnings.insert(summary.warnings.begin(), restored.warnings.begin(),
                          restored.warnings.end());
  summary.duplicate_objects += restored.duplicate_objects;
  summary.commits += restored.commits;
  return summary;
}
}  // namespace weirhouse::work
