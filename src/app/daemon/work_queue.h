// Work that one thread does in the order it came.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "ground/base/status.h"

namespace weirhouse::daemon {

inline constexpr std::size_t kQueueMax = 64;  // more commands at once than any person gives

// Threads: any.
class WorkQueue {
 public:
  // False if the queue is full or stopping.
  bool Push(std::function<void()> work);
  // Runs `work` at most once until it has begun, however often it was asked for.
  void PushOnce(std::function<void()> work);
  // What a piece of work threw that it should have kept to itself. Must throw nothing.
  using OnThrown = std::function<void(const Status& what)>;
  // Does the work until Stop; the piece at hand is finished, the rest is dropped (its owners are
  // told by their own means). What one piece throws ends that piece alone.
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
