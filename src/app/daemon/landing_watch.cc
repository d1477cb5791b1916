#include "app/daemon/landing_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"

namespace weirhouse::daemon {
namespace {
// IN_CREATE: hard links, and folders. IN_ATTRIB: another time or mode makes a file another one.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_ONLYDIR;
constexpr int kFolderDepthMax = 16;  // deeper ones are not taken in (WH1301)
// Paths of one folder: one for each link that leads to it, and those that it had.
constexpr std::size_t kPathsMax = 4;
// Others change these file systems without inotify: NFS, SMB, CIFS, FUSE, 9p, Ceph.
constexpr std::array<std::uint32_t, 7> kSharedKinds = {
    0x6969, 0x517B, 0xFF534D42, 0xFE534D42, 0x65735546, 0x01021997, 0x00C36400};

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { closedir(folder); }
};

bool IsShared(const std::string& folder) {
  struct statfs kind{};
  if (statfs(folder.c_str(), &kind) != 0) return false;
  const auto magic = static_cast<std::uint32_t>(kind.f_type);
  return std::find(kSharedKinds.begin(), kSharedKinds.end(), magic) != kSharedKinds.end();
}

// The folders in `folder`, without hidden ones and links.
std::vector<std::string> FoldersIn(const std::string& folder) {
  std::vector<std::string> found;
  const std::unique_ptr<DIR, CloseFolder> handle(opendir(folder.c_str()));
  if (handle == nullptr) return found;
  while (const dirent* entry = readdir(handle.get())) {
    if (entry->d_name[0] == '.') continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat stat{};
      is_folder = fstatat(dirfd(handle.get()), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
                  S_ISDIR(stat.st_mode);
    }
    if (is_folder) found.push_back(folder + "/" + entry->d_name);
  }
  return found;
}
}  // namespace

Result<std::unique_ptr<LandingWatch>> LandingWatch::Start(std::vector<std::string> folders,
                                                          landing::LandingLooks& looks,
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
  for (std::string& folder : folders) {
    while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
    std::error_code error;
    std::filesystem::create_directories(folder, error);
  }
  std::unique_ptr<LandingWatch> watch(new LandingWatch(
      events, stop, std::move(folders), looks, std::move(on_change), std::move(look_every)));
  WEIRHOUSE_TRY(watch->thread_, StartThread([raw = watch.get()] { raw->Watch(); }));
  return watch;
}

LandingWatch::LandingWatch(int events, int stop, std::vector<std::string> folders,
                           landing::LandingLooks& looks, std::function<void()> on_change,
                           LookEvery look_every)
    : events_(events),
      stop_(stop),
      made_(std::move(folders)),
      looks_(looks),
      on_change_(std::move(on_change)),
      look_every_(std::move(look_every)) {}

LandingWatch::~LandingWatch() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  close(events_);
  close(stop_);
}

// If this fails, the next look reports it.
void LandingWatch::Tell() const {
  try {
    WEIRHOUSE_FAILPOINT("daemon.look");
    on_change_();
  } catch (...) {
    return;
  }
}

// If memory does not suffice, the next look lists everything.
void LandingWatch::Guarded(const std::function<void()>& act) {
  try {
    act();
  } catch (...) {
    looks_.NoteLost();
  }
}

int LandingWatch::AddWatch(const std::string& folder, bool may_be_link) {
  const int number =
      inotify_add_watch(events_, folder.c_str(), kEvents | (may_be_link ? 0U : IN_DONT_FOLLOW));
  if (number < 0) {
    // A folder that is gone or closed to this user is nothing to watch; else it is the limit.
    if (errno == ENOSPC || errno == ENOMEM) unwatched_ = true;
    return number;
  }
  std::vector<std::string>& paths = paths_[number];
  if (std::find(paths.begin(), paths.end(), folder) == paths.end()) {
    if (paths.size() == kPathsMax) paths.erase(paths.begin());
    paths.push_back(folder);
  }
  return number;
}

int LandingWatch::WatchTree(const std::string& folder, int depth) {
  const int number = AddWatch(folder, depth == 0);
  if (number < 0 || depth == kFolderDepthMax) return number;
  for (const std::string& below : FoldersIn(folder)) WatchTree(below, depth + 1);
  return number;
}

void LandingWatch::WatchFolders() {
  std::set<std::string> folders(made_.begin(), made_.end());
  for (std::string& folder : looks_.Folders()) folders.insert(std::move(folder));
  for (const std::string& folder : folders) {
    const int number = AddWatch(folder, /*may_be_link=*/true);
    const auto known = roots_.find(folder);
    if (known != roots_.end() && known->second == number) continue;
    roots_[folder] = number;
    if (number < 0) continue;
    WatchTree(folder, 0);
    unwatched_ = unwatched_ || IsShared(folder);
    // Watched from now on; what came before is found by a listing.
    looks_.NoteChanged(folder);
  }
}

void LandingWatch::NoteEvent(int number, std::uint32_t what, const std::string& name) {
  if ((what & IN_IGNORED) != 0) {  // the folder is gone
    paths_.erase(number);
    return;
  }
  const auto found = paths_.find(number);
  if (found == paths_.end() || name.empty()) return;
  const std::vector<std::string> paths = found->second;
  for (const std::string& folder : paths) {
    const std::string path = folder + "/" + name;
    // Watched first, then listed: so nothing is missed that comes into it meanwhile.
    if ((what & IN_ISDIR) != 0 && name[0] != '.') WatchTree(path, 1);
    looks_.NoteChanged(path);
  }
}

void LandingWatch::ReadEvents() {
  alignas(inotify_event) char bytes[64 << 10];
  bool lost = false;
  for (ssize_t got = 0; (got = read(events_, bytes, sizeof(bytes))) > 0;) {
    for (const char* at = bytes; at < bytes + got;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      lost = lost || (event->mask & IN_Q_OVERFLOW) != 0;
      if (!lost) NoteEvent(event->wd, event->mask, event->len > 0 ? event->name : "");
    }
  }
  if (!lost) return;
  // Folders may have come, too.
  for (const auto& [folder, number] : roots_) WatchTree(folder, 0);
  looks_.NoteLost();
}

void LandingWatch::Watch() {
  Clock& clock = SystemClock();
  bool landed = false;
  std::chrono::nanoseconds called{};
  Guarded([this] { WatchFolders(); });
  Tell();
  called = clock.Monotonic();
  while (true) {
    pollfd watched[] = {{stop_, POLLIN, 0}, {events_, POLLIN, 0}};
    const int timeout = static_cast<int>((landed ? kSettle : look_every_()).count());
    const int ready = poll(watched, 2, timeout);
    if (ready < 0 && errno != EINTR) {  // the system is out of memory, perhaps only for now
      std::this_thread::sleep_for(kSettle);
      continue;
    }
    if (watched[0].revents != 0) return;
    if (ready > 0) {
      Guarded([this] { ReadEvents(); });
      landed = true;
    }
    const bool due = clock.Monotonic() - called >= kLookEvery;
    // A stream of files without a pause must not delay the run for ever.
    if (ready != 0 && !due) continue;
    landed = false;
    if (due) {
      Guarded([this] { WatchFolders(); });
      looks_.NoteDue();
      if (unwatched_) looks_.NoteLost();
    }
    Tell();
    called = clock.Monotonic();
  }
}
}  // namespace weirhouse::daemon
