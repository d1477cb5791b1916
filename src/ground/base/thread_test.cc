#include "ground/base/thread.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
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
  // Each that takes part waits until `count` of them do: none is needed once the work is done.
  const auto threads_of = [](std::size_t count) {
    std::mutex mutex;
    std::condition_variable joined;
    std::set<std::thread::id> threads;
    ShareWork(4, [&] {
      std::unique_lock lock(mutex);
      threads.insert(std::this_thread::get_id());
      joined.notify_all();
      joined.wait_for(lock, std::chrono::seconds(60), [&] { return threads.size() >= count; });
    });
    return threads;
  };
  {
    const InOneThread alone;
    EXPECT_EQ(threads_of(1), std::set<std::thread::id>{std::this_thread::get_id()});
  }
  EXPECT_EQ(threads_of(4).size(), 4U);
}

TEST(ShareWork, IsDoneByTheSameThreadsAgainAndInsideOfSharedWork) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> sum{0};
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> next{0};
    ShareWork(4, [&] {
      for (int i = next++; i < 4; i = next++) {
        std::atomic<int> inner{0};
        ShareWork(3, [&] {
          {
            const std::lock_guard lock(mutex);
            threads.insert(std::this_thread::get_id());
          }
          while (inner++ < 5) ++sum;
        });
      }
    });
  }
  EXPECT_EQ(sum, 200 * 4 * 5);
  EXPECT_LE(threads.size(), 15U);  // of 1,800 that would be begun otherwise
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
  EXPECT_TRUE(StatusOf([] { throw std::bad_alloc(); }).Is(kNoMemoryError));
  const Status no_thread = StatusOf([] {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  });
  EXPECT_TRUE(no_thread.Is(kNoThreadError));
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
    if (!refused.Is(kNoThreadError)) _exit(2);
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

// A forked child has none of the threads that helped its parent.
TEST(ShareWork, WorksInAForkedChild) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer lets a forked child start no thread";
#endif
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> taken{0};
    ShareWork(4, [&] { ++taken; });
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      std::atomic<int> next{0};
      std::atomic<int> done{0};
      ShareWork(4, [&] {
        for (int n = next++; n < 1000; n = next++) ++done;
      });
      _exit(done == 1000 ? 0 : 3);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST(ForEachInParallel, TakesEachNumberOnce) {
  for (const std::size_t threads : {0U, 1U, 3U, 40U}) {
    std::vector<std::atomic<int>> taken(100);
    ASSERT_OK(ForEachInParallel(taken.size(), threads, [&](std::size_t i) {
      ++taken[i];
      return Status();
    }));
    for (const auto& times : taken) EXPECT_EQ(times, 1);
  }
  ASSERT_OK(ForEachInParallel(0, 4, [](std::size_t) { return Status(Code::kInternal, "none"); }));
}

TEST(ForEachInParallel, AnswersWithTheLeastThatFailedAndTakesNoMore) {
  std::atomic<int> taken{0};
  const Status status = ForEachInParallel(10'000, 4, [&](std::size_t i) {
    ++taken;
    return i >= 7 ? Status(Code::kInternal, std::to_string(i)) : Status();
  });
  EXPECT_EQ(status.message(), "7");
  EXPECT_LT(taken, 100);
}

TEST(ForEachInParallel, ThrowsWhatWasThrown) {
  EXPECT_THROW(ForEachInParallel(9, 3,
                                 [](std::size_t i) -> Status {
                                   if (i == 4) throw std::bad_alloc();
                                   return Status();
                                 })
                   .Ignore("it throws"),
               std::bad_alloc);
}
}  // namespace
}  // namespace weirhouse
