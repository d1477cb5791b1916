#include "app/daemon/landing_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"

namespace weirhouse::daemon {
namespace {
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR;

void DrainEvents(int file) {
  alignas(inotify_event) char bytes[16 << 10];
  while (read(file, bytes, sizeof(bytes)) > 0) {
  }
}
}  // namespace

Result<std::unique_ptr<LandingWatch>> LandingWatch::Start(std::vector<std::string> folders,
                                                          std::function<void()> on_change,
                                                          LookEvery look_every) {
  const int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  const int stop = eventfd(0, EFD_CLOEXEC);
  if (events < 0 || stop < 0) {
    const int why = errno;
    if (events >= 0) close(events);
    if (stop >= 0) close(stop);
    return Status(Code::kUnavailable,
                  fmt::format("could not watch the landing folders: {}", std::strerror(why)))
        .WithError("WH8029")
        .WithHint(
            "raise fs.inotify.max_user_instances, or the limit of open files (ulimit -n), or serve "
            "with --no-watch");
  }
  for (const std::string& folder : folders) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    // Too many folders for the system's limit: the look now and then finds what lands there.
    inotify_add_watch(events, folder.c_str(), kEvents);
    const std::filesystem::directory_iterator end;
    for (std::filesystem::directory_iterator entry(folder, error); !error && entry != end;
         entry.increment(error)) {
      // What a link leads to is not looked into.
      std::error_code ignored;
      if (!entry->is_symlink(ignored) && entry->is_directory(ignored))
        inotify_add_watch(events, entry->path().c_str(), kEvents);
    }
  }
  std::unique_ptr<LandingWatch> watch(
      new LandingWatch(events, stop, std::move(on_change), std::move(look_every)));
  WEIRHOUSE_TRY(watch->thread_, StartThread([raw = watch.get()] { raw->Watch(); }));
  return watch;
}

LandingWatch::LandingWatch(int events, int stop, std::function<void()> on_change,
                           LookEvery look_every)
    : events_(events),
      stop_(stop),
      on_change_(std::move(on_change)),
      look_every_(std::move(look_every)) {}

LandingWatch::~LandingWatch() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  close(events_);
  close(stop_);
}

// Where it cannot be told now, the next look tells it.
void LandingWatch::Tell() const {
  try {
    WEIRHOUSE_FAILPOINT("daemon.look");
    on_change_();
  } catch (...) {
    return;
  }
}

void LandingWatch::Watch() {
  Clock& clock = SystemClock();
  bool landed = false;
  std::chrono::nanoseconds called{};
  Tell();
  called = clock.Monotonic();
  while (true) {
    pollfd watched[] = {{stop_, POLLIN, 0}, {events_, POLLIN, 0}};
    const int timeout = static_cast<int>((landed ? kSettle : look_every_()).count());
    const int ready = poll(watched, 2, timeout);
    if (ready < 0 && errno != EINTR) {  // the system has no memory for it: it may have some later
      std::this_thread::sleep_for(kSettle);
      continue;
    }
    if (watched[0].revents != 0) return;
    if (ready > 0) {
      DrainEvents(events_);
      landed = true;
    }
    // A stream of files that never pauses must not put the run off for ever.
    if (ready == 0 || clock.Monotonic() - called >= kLookEvery) {
      landed = false;
      Tell();
      called = clock.Monotonic();
    }
  }
}
}  // namespace weirhouse::daemon
