#include "ground/base/thread.h"

#include <fmt/format.h>

#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

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

// Joins the started threads, also if an exception is thrown in between.
class Crew {
 public:
  explicit Crew(std::size_t count) { threads_.reserve(count); }
  ~Crew() { Join(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void Add(std::thread thread) { threads_.push_back(std::move(thread)); }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};
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
  {
    Crew others(threads);
    for (std::size_t i = 1; i < threads; ++i) {
      Result<std::thread> other = StartThread(guarded);
      if (!other.ok()) break;  // the threads already started do all the work
      others.Add(std::move(other).value());
    }
    guarded();
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
