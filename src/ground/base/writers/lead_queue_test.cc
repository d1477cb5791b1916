#include "ground/base/writers/lead_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weirhouse {
namespace {
struct Sum {
  int value = 0;
  int answer = 0;
};
constexpr std::size_t kSumsTogether = 4;
using SumQueue = LeadQueue<Sum, kSumsTogether>;

TEST(LeadQueue, DoesEachItemOnceAndNeverMoreTogetherThanAGroupHolds) {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  SumQueue queue;
  std::atomic<int> done{0};
  std::atomic<bool> leading{false};
  std::atomic<bool> wrong{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        Sum mine{thread * kEach + i};
        queue.Do(mine, [&](SumQueue::Group& group) {
          if (leading.exchange(true)) wrong = true;
          queue.Take(group);
          if (group.size() == 0 || group.size() > kSumsTogether) wrong = true;
          for (Sum* one : group) {
            one->answer += one->value + 1;
            ++done;
          }
          leading = false;
        });
        if (mine.answer != mine.value + 1) wrong = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
  EXPECT_EQ(done, kThreads * kEach);
}
}  // namespace
}  // namespace weirhouse
