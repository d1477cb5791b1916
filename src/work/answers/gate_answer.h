// The gates of the project and their verdicts.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct GateRow {
  std::string gate;
  std::string table;
  std::int64_t checks = 0;
  std::string owner;                           // empty: none is named
  std::optional<catalog::VerdictRecord> last;  // absent: it never judged
};
// A batch that waits for a decision.
struct HaltedBatch {
  RunId run;
  std::string batch;
};
struct GatesAnswer {
  std::vector<GateRow> gates;
  std::vector<HaltedBatch> halted;
};
Result<GatesAnswer> ListGates(work::Workspace& workspace);
// {"gates": [{gate, table, checks, owner, last_run, batch, state}]}
nlohmann::json ToJson(const GatesAnswer& answer);

// The gates' verdicts on one run.
struct RunVerdictsAnswer {
  catalog::Run run;
  std::vector<catalog::VerdictRecord> verdicts;  // at least one, oldest first
  std::string story;  // of a halted run: what happened to its batch that its checks do not see
  bool halted() const { return run.state == catalog::RunState::kHalted; }
};
//   kNotFound  no such run, or no gate judged it (WH8037)
Result<RunVerdictsAnswer> ReadVerdicts(work::Workspace& workspace, RunId run);
// {"run", "run_state", "verdicts": [{gate, table, run, state, batch, batch_end, commit, checks,
// override}]}
nlohmann::json ToJson(const RunVerdictsAnswer& answer);

struct VerdictsAnswer {
  std::vector<catalog::VerdictRecord> verdicts;  // newest first
};
// Of `gate`, or of all gates.
//   kNotFound (WH8037)  no verdict has that gate's name, and the project has no such gate
Result<VerdictsAnswer> ListVerdicts(work::Workspace& workspace,
                                    const std::optional<std::string>& gate, std::int64_t limit);
// {"verdicts": [{gate, run, batch, state, reasons, override}]}
nlohmann::json ToJson(const VerdictsAnswer& answer);

// The reasons of a verdict's checks, joined with "; "; empty if the verdict is "passed".
std::string ReasonsOf(const catalog::VerdictRecord& verdict);
// Whether a check of a verdict's `checks` is neither passed, skipped nor warming.
bool IsTrouble(const nlohmann::json& check);
}  // namespace weirhouse::answers
