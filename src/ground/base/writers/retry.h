// Retries an operation that lost to another writer. Threads: any.
//
// A definite conflict leaves nothing behind, so the whole attempt is repeated on the state that the
// other writer left. There is no pause between attempts: the winner is done, and the next attempt
// waits for the database's own lock.
#pragma once

#include "ground/base/status.h"

namespace weirhouse {

struct RetryPolicy {
  int attempts_max = 1;  // including the first; the outcome of the last is returned
  bool (*again)(const Status&) = nullptr;  // whether an outcome is a reason to try again
};

// For our own steps: every conflict is with another writer of the same tables, and the step reads
// again what it needs. Eight losses in a row mean that another writer never stops.
inline constexpr RetryPolicy kWhileWritersWin{
    8, [](const Status& outcome) { return outcome.code() == Code::kConflict; }};

namespace internal {
inline const Status& OutcomeOf(const Status& status) { return status; }
template <typename T>
Status OutcomeOf(const Result<T>& result) {
  return result.status();
}
}  // namespace internal

// The outcome of `attempt()`, a Status or a Result, repeated as `policy` says.
template <typename Attempt>
auto WithRetries(const RetryPolicy& policy, const Attempt& attempt) {
  for (int made = 1;; ++made) {
    auto outcome = attempt();
    if (made >= policy.attempts_max || !policy.again(internal::OutcomeOf(outcome))) return outcome;
  }
}
}  // namespace weirhouse
