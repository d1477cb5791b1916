// Threads that the system may refuse, and what is thrown where nobody else takes it.
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

// Begins a thread that runs `work`, which must not throw.
//   kUnavailable  the system gives no more threads (WH8052)
Result<std::thread> StartThread(std::function<void()> work);

// Runs `work` here and on up to `threads` - 1 others at once: on fewer where the system gives no
// more. `work` takes its pieces off a list that all share. What one of them throws ends that one,
// and is thrown from here when all have ended.
void ShareWork(std::size_t threads, const std::function<void()>& work);

// Calls `act` with each number below `count`, by up to `threads` threads of which this is one; on
// fewer where the system gives no more. Each number is taken once, in ascending order of taking.
// `act` returns a Status; once one is not OK no further number is taken. The answer is the one of
// the least number that failed, or OK. What is thrown is thrown from here.
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
  // All below the least that failed were taken before it, and have ended.
  for (Status& outcome : outcomes) {
    if (!outcome.ok()) return std::move(outcome);
  }
  return Status();
}
// For as long as one lives, this thread does by itself, in order, what it would share with others
// or leave to them (ShareWork, the pipeline's features): so that the same run makes the same calls
// in the same order. For simulations. They nest; made and destroyed on one thread.
class InOneThread {
 public:
  InOneThread();
  ~InOneThread();
  InOneThread(const InOneThread&) = delete;
  InOneThread& operator=(const InOneThread&) = delete;
  static bool Here();
};

// What is being handled, as an outcome: memory that ran out (WH8050), no more threads (WH8052), or
// a bug here (WH8035). To be called inside a `catch` only.
Status StatusOfException();
}  // namespace weirhouse
