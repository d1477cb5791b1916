// Work that one thread does in the order of arrival.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "ground/base/status.h"

namespace weirhouse::daemon {

inline constexpr std::size_t kQueueMax = 64;  // more commands at once than people give

// Threads: any.
class WorkQueue {
 public:
  // False if the queue is full or stopping.
  bool Push(std::function<void()> work);
  // Queues `work` at most once until it has begun, however often this is called.
  void PushOnce(std::function<void()> work);
  // Called with what a piece of work threw although it should not. Must throw nothing.
  using OnThrown = std::function<void(const Status& what)>;
  // Does the work until Stop: finishes the current piece and drops the rest (its owners
  // notice by their own means). An exception ends only the piece that threw it.
  void Run(const OnThrown& on_thrown);
  void Stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;  // guarded by mutex_
  std::function<void()> once_;                 // guarded by mutex_
  bool stopping_ = false;                      // guarded by mutex_
};
}  // namespace weirhouse::daemon
