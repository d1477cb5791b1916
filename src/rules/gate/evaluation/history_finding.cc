#include "rules/gate/evaluation/history_finding.h"

#include <fmt/format.h>

namespace weirhouse::gate {
Status NeedProfiles(const WindowRuns& window) {
  for (const PublishedBatch* run : window.runs) {
    if (run->profile != nullptr) continue;
    return Status(Code::kInternal,
                  fmt::format("the profile of batch \"{}\" was not loaded", run->batch));
  }
  return Status();
}

bool IsReady(const Check& check, const WindowRuns& window, const Window& shape, Finding& finding) {
  if (window.state == WindowRuns::State::kReady) return true;
  const bool warming = window.state == WindowRuns::State::kWarming;
  finding.state = warming ? State::kWarming : State::kNotEvaluated;
  finding.detail = {{"window", shape.text}, {"runs", window.runs.size()}};
  finding.detail["evaluated"] = false;
  finding.reason =
      fmt::format("{}{} has {} of {} runs in {}", warming ? "" : "not evaluated: ", check.name,
                  window.runs.size(), window.needed, shape.text);
  return false;
}
}  // namespace weirhouse::gate
