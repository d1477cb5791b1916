#include "testing/fsync_probe.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

namespace weirhouse::testing {
namespace {
struct State {
  std::mutex mutex;
  bool watching = false;
  std::set<std::string> synced;
  std::string fail_suffix;
  int fail_times = 0;
  bool failed = false;
};
State& TheState() {
  static State* const state = new State;  // never destroyed: other code may fsync at exit
  return *state;
}

std::string PathOf(int fd) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

// Notes an fsync; true if it must fail.
bool Note(int fd) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  if (!state.watching) return false;
  const std::string path = PathOf(fd);
  if (state.fail_times > 0 && path.ends_with(state.fail_suffix)) {
    --state.fail_times;
    state.failed = true;
    return true;
  }
  state.synced.insert(path);
  return false;
}
}  // namespace

FsyncProbe::FsyncProbe() {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.watching = true;
  state.synced.clear();
  state.fail_times = 0;
  state.failed = false;
}
FsyncProbe::~FsyncProbe() {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.watching = false;
}
std::set<std::string> FsyncProbe::synced() const {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  return state.synced;
}
void FsyncProbe::Forget() {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.synced.clear();
}
void FsyncProbe::FailNext(std::string suffix, int times) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.fail_suffix = std::move(suffix);
  state.fail_times = times;
}
bool FsyncProbe::has_failed() const {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  return state.failed;
}
}  // namespace weirhouse::testing

namespace {
int Sync(long number, int fd) {
  if (weirhouse::testing::Note(fd)) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(number, fd));
}
}  // namespace

extern "C" int fsync(int fd) { return Sync(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return Sync(SYS_fdatasync, fd); }
