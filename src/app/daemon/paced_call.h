// A call that many ask for and that is made at most once in a while.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "ground/base/status.h"
#include "ground/base/thread.h"

namespace weirhouse::daemon {

// Threads: Ask from any; the call is made on a thread of its own and must not throw.
class PacedCall {
 public:
  static Result<std::unique_ptr<PacedCall>> Start(std::chrono::milliseconds every,
                                                  std::function<void()> call) {
    std::unique_ptr<PacedCall> paced(new PacedCall(every, std::move(call)));
    WEIRHOUSE_TRY(paced->thread_, StartThread([raw = paced.get()] { raw->Run(); }));
    return paced;
  }
  ~PacedCall() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  PacedCall(const PacedCall&) = delete;
  PacedCall& operator=(const PacedCall&) = delete;

  // The call follows at once, or as soon as `every` has passed since the last one.
  void Ask() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(asked_, true)) return;
    }
    changed_.notify_all();
  }

 private:
  PacedCall(std::chrono::milliseconds every, std::function<void()> call)
      : every_(every), call_(std::move(call)) {}

  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return asked_ || stopping_; });
      if (stopping_) return;
      asked_ = false;
      lock.unlock();
      call_();
      lock.lock();
      if (changed_.wait_for(lock, every_, [&] { return stopping_; })) return;
    }
  }

  const std::chrono::milliseconds every_;
  const std::function<void()> call_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;     // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};
}  // namespace weirhouse::daemon
