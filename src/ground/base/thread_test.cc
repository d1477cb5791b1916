#include "ground/base/thread.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <system_error>

#include "testing/testing.h"

namespace weirhouse {
namespace {

TEST(ShareWork, DoesAllOfItWithAnyNumberOfThreads) {
  for (const std::size_t threads : std::initializer_list<std::size_t>{0, 1, 2, 8}) {
    std::atomic<int> next{0};
    std::atomic<int> sum{0};
    ShareWork(threads, [&] {
      for (int i = next++; i < 100; i = next++) sum += i;
    });
    EXPECT_EQ(sum, 4950) << threads;
  }
}

TEST(ShareWork, DoesAllOfItHereWhereThereIsToBeOneThread) {
  const auto threads_of = [] {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    ShareWork(4, [&] {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    });
    return threads;
  };
  {
    const InOneThread alone;
    EXPECT_EQ(threads_of(), std::set<std::thread::id>{std::this_thread::get_id()});
  }
  EXPECT_EQ(threads_of().size(), 4U);
}

TEST(ShareWork, ThrowsHereWhatOneOfThemThrewOnceAllHaveEnded) {
  std::atomic<int> next{0};
  std::atomic<int> done{0};
  const auto work = [&] {
    for (int i = next++; i < 50; i = next++) {
      if (i == 7) throw std::bad_alloc();
      ++done;
    }
  };
  EXPECT_THROW(ShareWork(4, work), std::bad_alloc);
  EXPECT_GE(done, 7);
}

Status StatusOf(const std::function<void()>& thrower) {
  try {
    thrower();
  } catch (...) {
    return StatusOfException();
  }
  return Status();
}

TEST(StatusOfException, TellsMemoryAndThreadsFromABug) {
  EXPECT_EQ(StatusOf([] { throw std::bad_alloc(); }).error_code(), kNoMemoryError);
  const Status no_thread = StatusOf([] {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  });
  EXPECT_EQ(no_thread.error_code(), kNoThreadError);
  EXPECT_EQ(no_thread.code(), Code::kUnavailable);
  EXPECT_EQ(StatusOf([] { throw std::out_of_range("x"); }).error_code(), "WH8035");
}

// In a process of its own: a limit of its addresses leaves no room for the stack of a thread.
TEST(StartThread, SaysSoWhereTheSystemGivesNoMore) {
  if (testing::kUnderSanitizer) GTEST_SKIP() << "a sanitizer takes more addresses than are left";
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_AS, &none) != 0) _exit(9);
    std::atomic<bool> over{false};
    Status refused;
    for (int i = 0; refused.ok() && i < 100; ++i) {  // stacks of ended threads may be taken first
      auto thread = StartThread([&] { over.wait(false); });
      refused = thread.status();
      if (thread.ok()) std::move(thread).value().detach();
    }
    if (refused.error_code() != kNoThreadError) _exit(2);
    std::atomic<int> next{0};
    int done = 0;
    ShareWork(8, [&] {
      for (int i = next++; i < 10; i = next++) ++done;
    });
    _exit(done == 10 ? 0 : 3);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
}  // namespace
}  // namespace weirhouse
