#include "ground/base/resource/memory_reserve.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <fstream>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "testing/testing.h"

namespace weirhouse {
namespace {
constexpr std::size_t kPiece = 1 << 20;

// Memory that is never given back: the child ends.
bool Takes(std::size_t bytes) {
  try {
    std::vector<std::unique_ptr<char[]>> taken;
    for (std::size_t had = 0; had < bytes; had += kPiece) taken.emplace_back(new char[kPiece]);
    for (auto& piece : taken) static_cast<void>(piece.release());
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

// No addresses beyond those that the process has now.
void AllowNoMore() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages;
  const auto bytes = static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
  const rlimit limit{bytes, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(90);
}

struct TakesMoreAtItsEnd {
  ~TakesMoreAtItsEnd() { *took = Takes(2 * kPiece); }
  bool* took;
};

// In a process of its own: a limit of its addresses stays.
int Child() {
  HoldMemoryReserve();
  // Before the limit, which leaves no room for its stack.
  bool library_took = false;
  std::atomic<bool> may_go{false};
  std::thread library([&] {
    while (!may_go) std::this_thread::yield();
    library_took = Takes(8 * kPiece);
  });
  AllowNoMore();
  while (Takes(kPiece)) {  // what the allocator still had
  }
  if (Takes(2 * kPiece)) return 1;  // our own thread is refused, and the reserve is whole
  may_go = true;
  library.join();
  if (!library_took) return 2;
  bool unwinding_took = false;
  try {
    const TakesMoreAtItsEnd end{&unwinding_took};
    throw 1;
  } catch (int) {
  }
  if (!unwinding_took) return 3;
  {
    const UseMemoryReserve reserve;
    if (!Takes(4 * kPiece)) return 4;
    if (Takes(kMemoryReserveBytes)) return 5;  // it has an end
  }
  const rlimit free{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &free) != 0) return 6;
  RefillMemoryReserve();
  AllowNoMore();
  while (Takes(kPiece)) {
  }
  const UseMemoryReserve reserve;
  return Takes(kMemoryReserveBytes / 2) ? 0 : 7;
}

TEST(MemoryReserve, ServesThoseWhoCannotLiveWithoutAndNobodyElse) {
  if (testing::kUnderSanitizer) GTEST_SKIP() << "a sanitizer has an allocator of its own";
  const pid_t child = fork();
  if (child == 0) _exit(Child());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -status, 0);
}
}  // namespace
}  // namespace weirhouse
