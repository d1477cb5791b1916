// The part of the catalog that knows runs: planned before they work, ended by their commit.
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
  // kind with attempt + 1 (same id; the same reserved record ids, unless others were reserved
  // since, whose records may be published by now: numbers follow that order; it is then planned now). A committed, halted
  // or discarded one is returned as it stands.
  virtual Result<Run> PlanRun(const RunPlan& plan) = 0;
  // Several at once, in one transaction.
  virtual Result<std::vector<Run>> PlanRuns(const std::vector<RunPlan>& plans) = 0;
  // Ends a planned run with an error; kConflict if it has been published or halted meanwhile.
  virtual Status FailRun(RunId run, const Status& why) = 0;
  virtual Result<Run> GetRun(RunId run) = 0;
  // The run planned for this step, whatever its state. Kind and step identity name one run.
  virtual Result<std::optional<Run>> FindRun(RunKind kind, const Digest& step_identity) = 0;
  virtual Result<std::vector<Run>> Runs(const RunFilter& filter) = 0;
  // How many runs are in each state; states without runs are left out.
  virtual Result<std::vector<std::pair<RunState, std::int64_t>>> RunCounts() = 0;
};
}  // namespace weirhouse::catalog
