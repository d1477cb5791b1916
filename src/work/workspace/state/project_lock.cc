#include "work/workspace/state/project_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <utility>

#include "ground/base/text.h"
#include "ground/platform/process/process_state.h"

namespace weirhouse::work {
namespace {
constexpr int kSwapsMax = 8;  // how often the file may be replaced while it is opened

class Descriptor {
 public:
  explicit Descriptor(int file) : file_(file) {}
  ~Descriptor() {
    if (file_ >= 0) close(file_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return file_; }
  int Release() { return std::exchange(file_, -1); }

 private:
  int file_;
};

Status CannotOpen(const std::string& path, int error) {
  const bool refused = error == EACCES || error == EPERM || error == EROFS;
  return Status(refused ? Code::kPermissionDenied : Code::kUnavailable,
                fmt::format("could not open the lock: {}: {}", path, std::strerror(error)))
      .WithError(kProjectHeld)
      .WithHint("the project's folder must be writable");
}

pid_t NumberIn(std::string_view text) {
  text = Trim(text);
  pid_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 ? number : 0;
}

// The process that holds the advisory lock on `file`, from the kernel's list: "1: FLOCK  ADVISORY
// WRITE 4711 00:2f:1234 0 EOF". 0 if it is not listed, as for a process of another container.
pid_t HolderByKernel(int file) {
  struct stat status{};
  if (file < 0 || fstat(file, &status) != 0) return 0;
  const std::string inode = fmt::format(":{}", status.st_ino);
  const std::string place =
      fmt::format("{:02x}:{:02x}{}", major(status.st_dev), minor(status.st_dev), inode);
  pid_t likely = 0;  // some file systems (overlayfs, btrfs) show another device in this list
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::vector<std::string_view> words;
    for (const std::string_view word : Split(line, ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    if (words.size() < 6 || words[1] != "FLOCK" || !words[5].ends_with(inode)) continue;
    if (words[5] == place) return NumberIn(words[4]);
    likely = NumberIn(words[4]);
  }
  return likely;
}

pid_t HolderByFile(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return NumberIn(line);
}

Status HeldByOther(pid_t holder) {
  if (holder == 0) {
    return Status(Code::kUnavailable, "another process is writing to this project")
        .WithError(kProjectHeld)
        .WithHint("wait for it, or stop it (`fuser .weirhouse` names it)");
  }
  const std::string story = platform::DescribeProcess(holder);
  if (platform::IsStopped(holder)) {
    return Status(Code::kUnavailable,
                  fmt::format("a stopped process holds this project: {}", story))
        .WithError(kProjectHeld)
        .WithHint(fmt::format("`kill -CONT {0}` lets it go on; `kill -KILL {0}` ends it, and what "
                              "it had committed stands",
                              holder));
  }
  return Status(Code::kUnavailable,
                fmt::format("another process is writing to this project: {}", story))
      .WithError(kProjectHeld)
      .WithHint(fmt::format("wait for it, or stop it with `kill {}`; a daemon (`wh serve`) takes "
                            "commands over its socket",
                            holder));
}

// Opens and locks the file of that name, which may be replaced meanwhile.
Result<int> LockFile(const std::string& path) {
  for (int attempt = 0; attempt < kSwapsMax; ++attempt) {
    Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) return CannotOpen(path, errno);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      const pid_t holder = HolderByKernel(file.get());
      return HeldByOther(holder != 0 ? holder : HolderByFile(path));
    }
    struct stat ours{};
    struct stat named{};
    if (fstat(file.get(), &ours) == 0 && lstat(path.c_str(), &named) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
      return file.Release();
  }
  return CannotOpen(path, EAGAIN);
}
}  // namespace

Result<std::unique_ptr<ProjectLock>> ProjectLock::Take(const std::string& state_folder) {
  const std::string path = state_folder + "/lock";
  Descriptor folder(open(state_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return CannotOpen(state_folder, errno);
  // On a file system that cannot lock folders (NFS), the lock on the file and the catalog's count
  // of writers remain.
  if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    const pid_t holder = HolderByKernel(folder.get());
    return HeldByOther(holder != 0 ? holder : HolderByFile(path));
  }
  WEIRHOUSE_TRY(const int locked, LockFile(path));
  Descriptor file(locked);
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), pid.data(), pid.size(), 0) < 0)
    return CannotOpen(path, errno);
  return std::unique_ptr<ProjectLock>(new ProjectLock(folder.Release(), file.Release()));
}

ProjectLock::~ProjectLock() {
  close(file_);
  close(folder_);
}
}  // namespace weirhouse::work
