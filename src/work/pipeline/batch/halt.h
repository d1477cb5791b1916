// A batch that its gate stopped: what is remembered until a person overrides or discards it.
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
  std::optional<ObjectId> retried;  // of an object that was read once more: no offset moves
  std::vector<std::string> tables;  // staged under StagingRef
  std::vector<catalog::RecordStateCount> states;      // what publishing would count
  std::map<std::string, std::int64_t> valid_records;  // by source: what discarding excludes
  KeylessChange keyless;  // what it changes in quarantine of records that came before
  std::vector<catalog::MetricRecord> profiles;
  std::string message;  // the story for people
};
nlohmann::json ToJson(const HaltedBatch& halted);
Result<HaltedBatch> HaltedFromJson(const nlohmann::json& json);

std::string StagingRef(RunId run);  // the table ref that its rows are staged under
Result<HaltedBatch> LoadHalted(Workspace& workspace, RunId run);
// Objects that a person left out by themselves, after they were read once more.
Result<std::set<ObjectId>> DiscardedObjects(Workspace& workspace);
// The commits whose batches a person left out.
Result<std::set<CommitSeq>> DiscardedCommits(Workspace& workspace);

// The run, if it waits for a decision.
//   kNotFound           no such run
//   kConflict (WH3020)  it waits for none
Result<catalog::Run> RequireHalted(Workspace& workspace, RunId run);
// The same, with a reason to decide it (WH3021), while the files are what was applied (WH2020): what
// follows a decision is computed by them.
Result<catalog::Run> RequireDecidable(Workspace& workspace, RunId run, const std::string& reason);
// Publishes what a halted run staged, or leaves its batch out; both are recorded with the reason.
// Afterwards call RunPending for the backlog.
// `baseline`: whether the published batch counts as history; by default it does unless a check
// failed or could not be judged. One whose history was too short and that counts restarts the
// warm-up of the gates. The answer: whether it counts.
Result<bool> OverrideGate(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who, std::optional<bool> baseline = std::nullopt);
Status DiscardGate(Workspace& workspace, RunId run, const std::string& reason,
                   const std::string& who);

// `gate` without the checks whose kind the profile skips (they are recorded as skipped by the judge
// where they are history checks; count checks are dropped here).
gate::GateDefinition WithoutSkipped(const gate::GateDefinition& gate, const Profile& profile);
}  // namespace weirhouse::work
