// Starts threads, and turns exceptions into statuses. The system may refuse to start a thread;
// callers get an error or fewer threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse {

inline constexpr Reason kNoMemoryError{"WH8050"};
inline constexpr Reason kNoThreadError{"WH8052"};

// Starts a thread that runs `work`, which must not throw.
//   kUnavailable  the system cannot start another thread (WH8052)
Result<std::thread> StartThread(std::function<void()> work);

// Runs `work` on this thread and on up to `threads` - 1 others, on fewer if the system cannot start
// that many. `work` takes its pieces from a list that all threads share. An exception ends the
// thread that threw it and is rethrown from here once all threads have ended.
void ShareWork(std::size_t threads, const std::function<void()>& work);

// Calls `act` once for each number below `count`, in ascending order, on up to `threads` threads
// including this one. After the first status that is not OK no further number is started. Returns
// the status of the smallest number that failed, or OK. Exceptions are rethrown from here.
template <typename Act>
Status ForEachInParallel(std::size_t count, std::size_t threads, const Act& act) {
  std::vector<Status> outcomes(count);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  ShareWork(threads < count ? threads : count, [&] {
    for (std::size_t i = next++; i < count && !failed; i = next++) {
      outcomes[i] = act(i);
      if (!outcomes[i].ok()) failed = true;
    }
  });
  // All numbers below the smallest failed one were started before it and have ended.
  for (Status& outcome : outcomes) {
    if (!outcome.ok()) return std::move(outcome);
  }
  return Status();
}
// While one lives, this thread does all work itself and in order that it would otherwise share with
// other threads (ShareWork, the pipeline's features). A run then makes the same calls in the same
// order each time, which simulations need. They nest; create and destroy one on the same thread.
class InOneThread {
 public:
  InOneThread();
  ~InOneThread();
  InOneThread(const InOneThread&) = delete;
  InOneThread& operator=(const InOneThread&) = delete;
  static bool Here();
};

// The exception being handled as a status: out of memory (WH8050), no more threads (WH8052), or a
// bug here (WH8035). Call it only inside a `catch`.
Status StatusOfException();
}  // namespace weirhouse
