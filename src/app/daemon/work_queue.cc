#include "app/daemon/work_queue.h"

#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/thread.h"

namespace weirhouse::daemon {

bool WorkQueue::Push(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= kQueueMax) return false;
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void WorkQueue::PushOnce(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    once_ = std::move(work);
  }
  changed_.notify_one();
}

void WorkQueue::Run(const OnThrown& on_thrown) {
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty() || once_; });
      if (stopping_) return;
      // Work that a user waits for goes first.
      if (!waiting_.empty()) {
        work = std::move(waiting_.front());
        waiting_.pop_front();
      } else {
        work = std::exchange(once_, nullptr);
      }
    }
    try {
      WEIRHOUSE_FAILPOINT("daemon.work");
      work();
    } catch (...) {
      on_thrown(StatusOfException());
    }
    RefillMemoryReserve();
  }
}

void WorkQueue::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
    once_ = nullptr;
  }
  changed_.notify_all();
}
}  // namespace weirhouse::daemon
