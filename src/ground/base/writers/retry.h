// Doing again what another writer came between.
//
// A definite conflict leaves nothing behind, so the whole attempt is made anew, from what the other
// writer left. There is no pause in between: whoever won is done, and the one after it waits for
// the database's own lock.
#pragma once

#include "ground/base/status.h"

namespace weirhouse {

struct RetryPolicy {
  int attempts_max = 1;  // the first included; after the last its outcome is the answer
  bool (*again)(const Status&) = nullptr;  // whether an outcome is a reason to try again
};

// For steps of our own: every conflict is with another writer of the same tables, and the step
// reads anew what it needs. Eight lost in a row: somebody writes without end.
inline constexpr RetryPolicy kWhileWritersWin{
    8, [](const Status& outcome) { return outcome.code() == Code::kConflict; }};

namespace internal {
inline const Status& OutcomeOf(const Status& status) { return status; }
template <typename T>
Status OutcomeOf(const Result<T>& result) {
  return result.status();
}
}  // namespace internal

// The outcome of `attempt()`, a Status or a Result, made again as `policy` says.
template <typename Attempt>
auto WithRetries(const RetryPolicy& policy, const Attempt& attempt) {
  for (int made = 1;; ++made) {
    auto outcome = attempt();
    if (made >= policy.attempts_max || !policy.again(internal::OutcomeOf(outcome))) return outcome;
  }
}
}  // namespace weirhouse
