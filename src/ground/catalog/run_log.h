// The part of the catalog that records runs. A run is planned before it works and ended by its
// commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

struct RunFilter {
  std::optional<RunKind> kind = std::nullopt;
  std::optional<RunState> state = std::nullopt;
  std::optional<std::string> name = std::nullopt;
  std::int64_t limit = 100;  // newest first
};

// Threads: any. Errors: kUnavailable, kCorruption, and those that a function names.
class RunLog {
 public:
  virtual ~RunLog() = default;
  // Inserts a run as planned, or resumes the planned or failed run with the same step identity and
  // kind, with attempt + 1 and the same id. A resumed run keeps its reserved record ids, unless
  // other runs have reserved ids since: their records may already be published, and numbers follow
  // the order of publication, so it gets new ids and counts as planned now. A committed, halted or
  // discarded run is returned unchanged.
  virtual Result<Run> PlanRun(const RunPlan& plan) = 0;
  // As PlanRun for several runs, in one transaction.
  virtual Result<std::vector<Run>> PlanRuns(const std::vector<RunPlan>& plans) = 0;
  // Ends a planned run with an error; kConflict (WH7007) if it was published or halted meanwhile.
  virtual Status FailRun(RunId run, const Status& why) = 0;
  virtual Result<Run> GetRun(RunId run) = 0;
  // The run planned for this step, whatever its state. Kind and step identity name one run.
  virtual Result<std::optional<Run>> FindRun(RunKind kind, const Digest& step_identity) = 0;
  virtual Result<std::vector<Run>> Runs(const RunFilter& filter) = 0;
  // The number of runs in each state; states without runs are left out.
  virtual Result<std::vector<std::pair<RunState, std::int64_t>>> RunCounts() = 0;
};
}  // namespace weirhouse::catalog
