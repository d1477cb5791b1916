#include "ground/base/thread.h"

#include <fmt/format.h>
#include <pthread.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include "ground/base/resource/memory_reserve.h"

namespace weirhouse {
namespace {
// Made in advance, because none can be made once memory has run out. Copying it allocates nothing.
const Status kNoMemory =
    Status(Code::kUnavailable, "not enough memory")
        .WithError(kNoMemoryError)
        .WithHint("everything committed is kept; give the process more memory, then run again");

Status NoThread(const char* why) {
  return Status(Code::kUnavailable, fmt::format("the system cannot start another thread: {}", why))
      .WithError(kNoThreadError)
      .WithHint("end other programs of this user, or raise `ulimit -u` and the memory limit");
}

Status Bug(const char* what) {
  return Status(Code::kInternal, fmt::format("a bug here: {}", what))
      .WithError("WH8035")
      .WithHint("please report it with the command and its output");
}

template <typename Make>
Status CallNoThrow(const Make& make) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  }
}

}  // namespace

Result<std::thread> StartThread(std::function<void()> work) {
  try {
    return std::thread([work = std::move(work)] {
      MemoryMayRunOut();
      work();
    });
  } catch (...) {
    return StatusOfException();
  }
}

namespace {
thread_local int alone_depth = 0;
}  // namespace
InOneThread::InOneThread() { ++alone_depth; }
InOneThread::~InOneThread() { --alone_depth; }
bool InOneThread::Here() { return alone_depth > 0; }

namespace {
// Threads that help those who share work, and then wait for the next. A small batch shares its
// fsyncs and reads dozens of times, and starting a thread for each costs more CPU than they do.
// Never destroyed, because they wait here until the process ends.
class Helpers {
 public:
  // A child that was forked has none of the threads that its copy of the pool counts and wakes, so
  // it gets a pool of its own.
  static Helpers& OfProcess() {
    static Helpers* kept = new Helpers;
    static const int registered = pthread_atfork(nullptr, nullptr, [] { kept = new Helpers; });
    static_cast<void>(registered);  // if it failed, the process was out of memory as it began
    return *kept;
  }

  // Runs `work`, which must not throw, here and on up to `count` helpers that are free before it
  // ends here. Whoever helps has returned from it when this returns.
  void Share(std::size_t count, const std::function<void()>& work) {
    Job job{&work, count};
    std::unique_lock lock(mutex_);
    StartFor(count);
    if (first_ == nullptr) last_ = &first_;
    *last_ = &job;
    last_ = &job.next;
    lock.unlock();
    offered_.notify_all();
    work();
    lock.lock();
    job.wanted = 0;
    Remove(job);
    ended_.wait(lock, [&] { return job.running == 0; });
  }

 private:
  static constexpr std::size_t kHelpersMax = 14;  // two that share eight fsyncs
  struct Job {
    const std::function<void()>* work;
    std::size_t wanted;  // helpers that may still join
    std::size_t running = 0;
    Job* next = nullptr;
  };

  // If the system cannot start a thread, fewer do all the work.
  void StartFor(std::size_t count) {
    while (idle_ < count && started_ < kHelpersMax) {
      Result<std::thread> helper = StartThread([this] { Help(); });
      if (!helper.ok()) return;
      std::move(helper).value().detach();
      ++started_;
      ++idle_;
    }
  }
  void Remove(const Job& job) {
    Job** at = &first_;
    while (*at != nullptr && *at != &job) at = &(*at)->next;
    if (*at == nullptr) return;  // its last helper removed it
    *at = job.next;
    if (last_ == &job.next) last_ = at;
  }
  [[noreturn]] void Help() {
    std::unique_lock lock(mutex_);
    while (true) {
      offered_.wait(lock, [&] { return first_ != nullptr; });
      Job& job = *first_;
      --idle_;
      ++job.running;
      if (--job.wanted == 0) Remove(job);
      lock.unlock();
      (*job.work)();
      lock.lock();
      ++idle_;
      if (--job.running == 0) ended_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable offered_;
  std::condition_variable ended_;
  Job* first_ = nullptr;  // jobs that want helpers, the oldest first
  Job** last_ = &first_;
  std::size_t started_ = 0;
  std::size_t idle_ = 0;
};
}  // namespace

void ShareWork(std::size_t threads, const std::function<void()>& work) {
  if (InOneThread::Here()) return work();
  std::mutex mutex;
  std::exception_ptr thrown;
  const auto guarded = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (thrown == nullptr) thrown = std::current_exception();
    }
  };
  if (threads <= 1) {
    guarded();
  } else {
    Helpers::OfProcess().Share(threads - 1, guarded);
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

Status StatusOfException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::not_enough_memory) return kNoMemory;
    if (error.code() == std::errc::resource_unavailable_try_again)
      return CallNoThrow([&] { return NoThread(error.what()); });
    return CallNoThrow([&] { return Bug(error.what()); });
  } catch (const std::exception& error) {
    return CallNoThrow([&] { return Bug(error.what()); });
  } catch (...) {
    return CallNoThrow([] { return Bug("an object that is not an exception was thrown"); });
  }
}
}  // namespace weirhouse
