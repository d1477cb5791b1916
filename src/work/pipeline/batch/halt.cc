#include "work/pipeline/batch/halt.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "rules/gate/history/profile.h"
#include "work/pipeline/batch/losers.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/workspace/applied.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// The run that closes a halted one: its identity is the decision, so saying it twice decides once.
Result<catalog::Run> PlanDecision(Workspace& workspace, catalog::RunKind decision,
                                  const catalog::Run& halted, const std::string& reason,
                                  const std::string& who, const HaltedBatch& batch,
                                  std::optional<bool> baseline = std::nullopt) {
  StepInputs step;
  step.kind = decision;
  step.name = ToString(halted.id);
  step.inputs = {{"run", ToString(halted.id)}, {"raw_seq", batch.raw_seq.value()}};
  step.parameters = {{"reason", reason}, {"who", who}};
  if (baseline) step.parameters["baseline"] = *baseline ? "include" : "exclude";
  step.tables = batch.tables;
  return workspace.catalog().PlanRun(PlanOf(step));
}

}  // namespace

Result<catalog::Run> RequireDecidable(Workspace& workspace, RunId run, const std::string& reason) {
  WEIRHOUSE_TRY(catalog::Run found, RequireHalted(workspace, run));
  if (reason.empty()) {
    return Status(Code::kInvalidInput, "a decision about a gate needs a reason")
        .WithError("WH3021")
        .WithHint("--reason TEXT");
  }
  // What the decision leads to is computed by what was applied: else it would stop half way.
  Status applied = RequireApplied(workspace);
  if (!applied.ok()) {
    return std::move(applied).WithHint(
        "nothing was decided: `wh apply` the change, or put the files back where it cannot be "
        "applied before the decision (`wh plan` says so), and apply it afterwards");
  }
  return found;
}

namespace {
// Moves the staged rows of each table to main (publish), or forgets them.
Status StageDecision(Workspace& workspace, Publication& publication, RunId run,
                     const HaltedBatch& batch, bool publish) {
  const std::string ref = StagingRef(run);
  for (const std::string& name : batch.tables) {
    WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
    const iceberg::Snapshot* staged = table->FindRef(ref);
    if (staged == nullptr) continue;  // the batch changed nothing there
    std::vector<iceberg::RefChange> changes;
    if (publish) changes.push_back({"main", staged->id, "branch"});
    changes.push_back({ref, std::nullopt, "branch"});
    WEIRHOUSE_TRY(const iceberg::StagedTable change,
                  iceberg::StageRefs(workspace.store(), table, workspace.random(), changes,
                                     workspace.clock().Now()));
    publication.Add(change);
  }
  return Status();
}
// What the batch consumed is consumed, whichever way it was decided.
Status MoveOffset(Workspace& workspace, const HaltedBatch& batch, catalog::CommitRequest& request) {
  if (batch.retried) return Status();
  WEIRHOUSE_TRY(const auto offset, workspace.catalog().OffsetOf(batch.consumer));
  request.offsets.push_back(
      {batch.consumer, offset.position, batch.raw_seq.value(), offset.generation});
  return Status();
}

Status UnreadableHalt(std::string_view why) {
  return Status(Code::kCorruption,
                fmt::format("what the catalog keeps of a halted batch cannot be read: {}", why))
      .WithError("WH3022")
      .WithHint("`wh verify` checks the catalog; restore it from a backup");
}
}  // namespace

json ToJson(const HaltedBatch& halted) {
  json states = json::array();
  for (const catalog::RecordStateCount& state : halted.states) {
    states.push_back({{"source", state.source},
                      {"table", state.table},
                      {"state", state.state},
                      {"count", state.count}});
  }
  json profiles = json::array();
  for (const catalog::MetricRecord& profile : halted.profiles) {
    profiles.push_back(
        {{"table", profile.table}, {"name", profile.name}, {"value", profile.value}});
  }
  return {{"batch", halted.batch},
          {"consumer", halted.consumer},
          {"retried", halted.retried ? json(halted.retried->value()) : json()},
          {"raw_seq", halted.raw_seq.value()},
          {"batch_end_us", Micros(halted.batch_end)},
          {"tables", halted.tables},
          {"states", std::move(states)},
          {"valid_records", halted.valid_records},
          {"keyless", ToJson(halted.keyless)},
          {"message", halted.message},
          {"profiles", std::move(profiles)}};
}

Result<HaltedBatch> HaltedFromJson(const json& stored) {
  try {
    HaltedBatch halted;
    halted.batch = stored.at("batch");
    halted.consumer = stored.value("consumer", halted.consumer);
    const auto retried = stored.find("retried");
    if (retried != stored.end() && !retried->is_null())
      halted.retried = ObjectId(retried->get<std::int64_t>());
    halted.raw_seq = CommitSeq(stored.at("raw_seq").get<std::int64_t>());
    halted.batch_end = EventTimeOfMicros(stored.at("batch_end_us").get<std::int64_t>());
    halted.tables = stored.at("tables").get<std::vector<std::string>>();
    for (const json& count : stored.at("states")) {
      const auto state =
          catalog::KindNamed<catalog::RecordState>(count.at("state").get<std::string>());
      if (!state) return UnreadableHalt("it counts records in an unknown state");
      halted.states.push_back(
          {count.at("source"), count.at("table"), *state, count.at("count").get<std::int64_t>()});
    }
    halted.valid_records = stored.at("valid_records").get<std::map<std::string, std::int64_t>>();
    if (stored.contains("keyless")) {
      auto keyless = KeylessFromJson(stored.at("keyless"));
      if (!keyless.ok()) return UnreadableHalt(keyless.status().message());
      halted.keyless = std::move(keyless).value();
    }
    halted.message = stored.at("message");
    for (const json& profile : stored.at("profiles")) {
      catalog::MetricRecord metric;
      metric.table = profile.at("table");
      metric.name = profile.at("name");
      metric.batch = halted.batch;
      metric.batch_end = halted.batch_end;
      metric.value = profile.at("value");
      halted.profiles.push_back(std::move(metric));
    }
    return halted;
  } catch (const json::exception& error) {
    return UnreadableHalt(error.what());
  }
}

std::string StagingRef(RunId run) { return "staging-" + ToString(run); }

Result<HaltedBatch> LoadHalted(Workspace& workspace, RunId run) {
  WEIRHOUSE_TRY(const std::optional<json> stored,
                catalog::setting::Halted(run).In(workspace.catalog()));
  if (!stored) {
    return Status(Code::kNotFound, fmt::format("run {} was not halted by a gate", ToString(run)))
        .WithError("WH3020");
  }
  auto halted = HaltedFromJson(*stored);
  if (!halted.ok()) return std::move(halted.status()).WithContext("run " + ToString(run));
  return halted;
}

namespace {
Result<std::vector<HaltedBatch>> DiscardedBatches(Workspace& workspace) {
  catalog::RunFilter filter;
  filter.state = catalog::RunState::kDiscarded;
  filter.limit = 1'000'000;
  WEIRHOUSE_TRY(const std::vector<catalog::Run> discarded, workspace.catalog().Runs(filter));
  std::vector<HaltedBatch> batches;
  for (const catalog::Run& run : discarded) {
    // What was discarded of a staging area consumed nothing.
    WEIRHOUSE_TRY(const auto stored, catalog::setting::Halted(run.id).In(workspace.catalog()));
    if (!stored) continue;
    WEIRHOUSE_TRY(HaltedBatch batch, HaltedFromJson(*stored));
    batches.push_back(std::move(batch));
  }
  return batches;
}
}  // namespace

Result<std::set<CommitSeq>> DiscardedCommits(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::vector<HaltedBatch> batches, DiscardedBatches(workspace));
  std::set<CommitSeq> commits;
  for (const HaltedBatch& batch : batches) {
    if (!batch.retried) commits.insert(batch.raw_seq);
  }
  return commits;
}

Result<std::set<ObjectId>> DiscardedObjects(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::vector<HaltedBatch> batches, DiscardedBatches(workspace));
  std::set<ObjectId> objects;
  for (const HaltedBatch& batch : batches) {
    if (batch.retried) objects.insert(*batch.retried);
  }
  return objects;
}

gate::GateDefinition WithoutSkipped(const gate::GateDefinition& gate, const Profile& profile) {
  gate::GateDefinition judged = gate;
  std::erase_if(judged.checks, [&](const gate::Check& check) {
    return std::find(profile.skip_checks.begin(), profile.skip_checks.end(), check.kind) !=
           profile.skip_checks.end();
  });
  return judged;
}

namespace {
// What the checks of a halted run lacked.
struct Trouble {
  bool failed = false;         // failed, or could not be judged
  bool short_history = false;  // its window held too few runs
};
Trouble TroubleOf(const std::vector<catalog::VerdictRecord>& verdicts) {
  Trouble trouble;
  for (const catalog::VerdictRecord& verdict : verdicts) {
    for (const json& check : verdict.checks) {
      const std::string state = check.value("state", "");
      // Records that broke their contract are in quarantine: of what was published they say nothing.
      if (check.value("kind", "") == "contract") continue;
      trouble.failed = trouble.failed || state == "failed" || state == "error";
      const bool unheard = (state == "not_evaluated" || state == "warned") &&
                           check.contains("detail") && check["detail"].is_object() &&
                           !check["detail"].value("evaluated", true);
      trouble.short_history = trouble.short_history || unheard;
    }
  }
  return trouble;
}
}  // namespace

Result<catalog::Run> RequireHalted(Workspace& workspace, RunId run) {
  WEIRHOUSE_TRY(catalog::Run found, workspace.catalog().GetRun(run));
  if (found.state != catalog::RunState::kHalted) {
    return Status(Code::kConflict, fmt::format("run {} is {}, nothing waits for a decision",
                                               ToString(run), catalog::RunStateName(found.state)))
        .WithError("WH3020")
        .WithHint("`wh gate list` shows which run waits");
  }
  return found;
}

Result<bool> OverrideGate(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who, std::optional<bool> baseline) {
  WEIRHOUSE_TRY(const catalog::Run halted, RequireDecidable(workspace, run, reason));
  WEIRHOUSE_TRY(const HaltedBatch batch, LoadHalted(workspace, run));
  WEIRHOUSE_TRY(const catalog::Run decision, PlanDecision(workspace, catalog::RunKind::kOverride,
                                                          halted, reason, who, batch, baseline));
  Publication publication(workspace, decision, catalog::Layer::kProcessed, batch.batch);
  WEIRHOUSE_TRY_STATUS(StageDecision(workspace, publication, run, batch, /*publish=*/true));
  QuarantineChanges quarantine;
  WEIRHOUSE_TRY_STATUS(AddKeyless(workspace, batch.keyless, quarantine));
  WEIRHOUSE_TRY_STATUS(StageQuarantine(workspace, publication, quarantine));
  catalog::CommitRequest& request = publication.request();
  WEIRHOUSE_TRY_STATUS(TellQuarantined(workspace, quarantine, {}, request));
  WEIRHOUSE_TRY_STATUS(MoveOffset(workspace, batch, request));
  request.batch_end = batch.batch_end;
  request.record_states = batch.states;
  WEIRHOUSE_TRY(std::vector<catalog::VerdictRecord> verdicts,
                workspace.catalog().Verdicts({std::nullopt, run, 1000}));
  // What failed and was let through says nothing about what is normal, unless a person says so.
  // What only lacked a history is the beginning of one.
  const Trouble trouble = TroubleOf(verdicts);
  const bool counts = baseline.value_or(!trouble.failed);
  request.metrics = batch.profiles;
  for (catalog::MetricRecord& metric : request.metrics) {
    metric.in_baseline = counts;
    if (counts && trouble.short_history) gate::MarkRestart(metric.value);
  }
  for (catalog::VerdictRecord& verdict : verdicts) {
    verdict.override_reason = reason;
    verdict.override_by = who;
    request.verdicts.push_back(std::move(verdict));
  }
  request.lineage.Overrode(run);
  request.also_closes = run;
  request.also_state = catalog::RunState::kCommitted;
  for (const std::string& table : batch.tables) {
    // Histories and losers: a batch that passes tells nothing of them either.
    if (workspace.project().FindTransform(table) == nullptr) continue;
    request.events.push_back(
        TableCommitted(table, decision, publication.RowsAddedTo(table), batch.batch));
  }
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("gate.overridden");
  return counts;
}

Status DiscardGate(Workspace& workspace, RunId run, const std::string& reason,
                   const std::string& who) {
  WEIRHOUSE_TRY(const catalog::Run halted, RequireDecidable(workspace, run, reason));
  WEIRHOUSE_TRY(const HaltedBatch batch, LoadHalted(workspace, run));
  WEIRHOUSE_TRY(const catalog::Run decision,
                PlanDecision(workspace, catalog::RunKind::kDiscard, halted, reason, who, batch));
  Publication publication(workspace, decision, catalog::Layer::kMaintenance, batch.batch);
  WEIRHOUSE_TRY_STATUS(StageDecision(workspace, publication, run, batch, /*publish=*/false));
  catalog::CommitRequest& request = publication.request();
  WEIRHOUSE_TRY_STATUS(MoveOffset(workspace, batch, request));
  for (const auto& [source, count] : batch.valid_records) {
    if (count > 0)
      request.record_states.push_back({source, "", catalog::RecordState::kExcluded, count});
  }
  // Records without a key are valid ones, and counted above; those of no table broke the contract.
  for (const catalog::RecordStateCount& state : batch.states) {
    if (state.state == catalog::RecordState::kQuarantined && state.table.empty())
      request.record_states.push_back(state);
  }
  request.lineage.Discarded(run);
  request.also_closes = run;
  request.also_state = catalog::RunState::kDiscarded;
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("gate.discarded");
  return Status();
}
}  // namespace weirhouse::work
