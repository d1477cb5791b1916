// A batch that its gate halted: what is stored until a person overrides or discards it.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "rules/gate/definition/definition.h"
#include "work/pipeline/batch/keyless.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct HaltedBatch {
  std::string batch;
  std::string consumer = "processed";  // whose offset the decision moves …
  CommitSeq raw_seq;                   // … to the commit that was consumed
  EventTime batch_end{};
  std::optional<ObjectId> retried;  // the object that was read again; then no offset moves
  std::vector<std::string> tables;  // staged under StagingRef
  std::vector<catalog::RecordStateCount> states;      // what publishing would count
  std::map<std::string, std::int64_t> valid_records;  // by source: what discarding excludes
  KeylessChange keyless;                              // changes to earlier records in quarantine
  std::vector<catalog::MetricRecord> profiles;
  std::string message;  // the story for people
};
nlohmann::json ToJson(const HaltedBatch& halted);
Result<HaltedBatch> HaltedFromJson(const nlohmann::json& json);

std::string StagingRef(RunId run);  // the table ref that its rows are staged under
Result<HaltedBatch> LoadHalted(Workspace& workspace, RunId run);
// Objects that a person discarded alone, after they were read again.
Result<std::set<ObjectId>> DiscardedObjects(Workspace& workspace);
// The commits whose batches a person discarded.
Result<std::set<CommitSeq>> DiscardedCommits(Workspace& workspace);

// The run, if it waits for a decision.
//   kNotFound           no such run
//   kConflict (WH3020)  it does not wait for a decision
Result<catalog::Run> RequireHalted(Workspace& workspace, RunId run);
// As RequireHalted; refuses an empty reason (WH3021) and files that differ from what was applied
// (WH2020), because the work after a decision is computed by what was applied.
Result<catalog::Run> RequireDecidable(Workspace& workspace, RunId run, const std::string& reason);
// Publishes what a halted run staged, or leaves its batch out; records the decision with its
// reason. Call RunPending afterwards for the backlog. `baseline`: whether the published batch
// counts as history; by default it does unless a check failed or could not be judged. A batch that
// counts although its history was too short restarts the warm-up of the gates. Returns whether it
// counts. Errors: those of RequireDecidable and of the commit.
Result<bool> OverrideGate(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who, std::optional<bool> baseline = std::nullopt);
Status DiscardGate(Workspace& workspace, RunId run, const std::string& reason,
                   const std::string& who);

// `gate` without the checks whose kind the profile skips. (History checks stay: the judge records
// them as skipped. Count checks are dropped here.)
gate::GateDefinition WithoutSkipped(const gate::GateDefinition& gate, const Profile& profile);
}  // namespace weirhouse::work
