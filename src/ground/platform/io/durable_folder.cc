#include "ground/platform/io/durable_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "ground/base/time.h"
#include "ground/platform/io/disk_error.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/io/object_store.h"
#include "ground/platform/io/open_folder.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kKnownFoldersMax = 10'000;  // then the cache is cleared
// The kernel takes file times from a clock that advances once per tick.
constexpr std::int64_t kTimeStepNs = 20'000'000;
constexpr const char* kFailedAttribute = "user.weirhouse.fsync_failed";

int OpenThrough(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

std::optional<Identity> IdentityAt(int fd, const char* path, int flags) {
  struct statx found{};
  if (statx(fd, path, flags, STATX_INO | STATX_BTIME, &found) != 0) return std::nullopt;
  if ((found.stx_mask & STATX_BTIME) == 0) return std::nullopt;
  Identity identity;
  identity.device = (static_cast<std::uint64_t>(found.stx_dev_major) << 32) | found.stx_dev_minor;
  identity.inode = found.stx_ino;
  identity.born_ns = found.stx_btime.tv_sec * 1'000'000'000 + found.stx_btime.tv_nsec;
  return identity;
}

// Whether any file that replaces it from now on has another identity.
bool IsUnlikeAnyLater(const Identity& identity) {
  return Micros(SystemClock().Now()) * 1000 - identity.born_ns > kTimeStepNs;
}

// The id of the current boot.
const std::string& BootId() {
  static const std::string id = [] {
    char text[64];
    const Descriptor fd(OpenThrough("/proc/sys/kernel/random/boot_id", O_RDONLY));
    const ssize_t got = fd.open() ? read(fd.get(), text, sizeof(text)) : -1;
    return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : std::string("unknown");
  }();
  return id;
}

// Some network file systems cannot sync a folder and say so with EINVAL: they need not.
Status SyncFolder(const std::string& folder) {
  const Descriptor fd(OpenThrough(folder, O_RDONLY | O_DIRECTORY));
  if (!fd.open()) return ErrnoToStatus(errno, "open the folder", folder);
  const int error = SyncRetrying(fd.get());
  return error == 0 || error == EINVAL ? Status::Ok() : SyncFailed(error, folder);
}

// The folder without links on the way, so that its parents are those that hold it.
Result<std::string> RealPath(const std::string& folder) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(folder.c_str(), nullptr), &free);
  if (real == nullptr) return ErrnoToStatus(errno, "open the folder", folder);
  return std::string(real.get());
}
}  // namespace

std::optional<Identity> FindIdentity(int fd) { return IdentityAt(fd, "", AT_EMPTY_PATH); }
std::optional<Identity> FindIdentity(const std::string& path) {
  return IdentityAt(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
}

std::string ParentFolder(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

int SyncRetrying(int fd) {
  while (fsync(fd) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

Status SyncFailed(int error, const std::string& path) {
  return Status(Code::kCorruption,
                fmt::format("could not fsync: {}: {}", std::strerror(error), path))
      .WithError("WH7011")
      .WithHint("check the disk, then start again: recovery keeps what was committed");
}

// ---- Folders
Status DurableFolders::Make(const std::string& folder) {
  {
    const std::lock_guard lock(mutex_);
    if (existing_.contains(folder)) return Status::Ok();
  }
  Status made = MakeUnknown(folder);
  if (made.code() != Code::kNotFound) return made;
  Forget();  // a folder above it was removed behind the cache
  return MakeUnknown(folder);
}

void DurableFolders::Forget() {
  const std::lock_guard lock(mutex_);
  existing_.clear();
}

Status DurableFolders::MakeUnknown(const std::string& folder) {
  struct stat found{};
  if (stat(folder.c_str(), &found) == 0) {
    if (!S_ISDIR(found.st_mode)) return ErrnoToStatus(ENOTDIR, "make the folder", folder);
  } else {
    const std::string parent = ParentFolder(folder);
    if (parent != folder && parent != ".") WEIRHOUSE_TRY_STATUS(Make(parent));
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
      return ErrnoToStatus(errno, "make the folder", folder);
    }
  }
  const std::lock_guard lock(mutex_);
  if (existing_.size() >= kKnownFoldersMax) existing_.clear();
  existing_.insert(folder);
  return Status::Ok();
}

bool DurableFolders::Knows(const std::string& folder, const std::optional<Identity>& identity) {
  if (!identity) return false;
  const std::lock_guard lock(mutex_);
  const auto known = durable_.find(folder);
  return known != durable_.end() && known->second == *identity;
}

Status DurableFolders::Sync(const std::string& folder) {
  WEIRHOUSE_TRY_STATUS(SyncFolder(folder));
  WEIRHOUSE_TRY(std::string at, RealPath(folder));
  while (at != "/") {
    const std::string parent = ParentFolder(at);
    // Read before the fsync, so that a folder that replaces it meanwhile has another identity.
    const std::optional<Identity> identity = FindIdentity(at);
    if (!Knows(at, identity)) {
      const Status synced = SyncFolder(parent);
      // This user cannot have created anything in a folder that it may not open.
      if (!synced.ok() && synced.code() != Code::kPermissionDenied) return synced;
      if (synced.ok() && identity && IsUnlikeAnyLater(*identity)) {
        const std::lock_guard lock(mutex_);
        if (durable_.size() >= kKnownFoldersMax) durable_.clear();
        durable_.insert_or_assign(at, *identity);
      }
    }
    at = parent;
  }
  return Status::Ok();
}

// ---- Files
void FailedSyncs::Note(int fd) {
  // If the attribute cannot be stored with the file, this process still remembers it.
  [[maybe_unused]] const int kept =
      fsetxattr(fd, kFailedAttribute, BootId().data(), BootId().size(), 0);
  const std::optional<Identity> identity = FindIdentity(fd);
  struct stat found{};
  if (!identity && fstat(fd, &found) != 0) return;
  const std::lock_guard lock(mutex_);
  identities_.insert(identity ? *identity : Identity{found.st_dev, found.st_ino, 0});
}

bool FailedSyncs::Contains(int fd) {
  std::string boot(64, '\0');
  const ssize_t got = fgetxattr(fd, kFailedAttribute, boot.data(), boot.size());
  if (got >= 0) {
    boot.resize(static_cast<std::size_t>(got));
    if (boot == BootId()) return true;
  }
  const std::lock_guard lock(mutex_);
  if (identities_.empty()) return false;
  const std::optional<Identity> identity = FindIdentity(fd);
  if (identity) return identities_.contains(*identity);
  struct stat found{};
  return fstat(fd, &found) == 0 && identities_.contains({found.st_dev, found.st_ino, 0});
}

Status SyncFile(const std::string& path, FailedSyncs& failed) {
  const Descriptor fd(OpenThrough(path, O_RDONLY));
  if (!fd.open()) return ErrnoToStatus(errno, "open for fsync", path);
  if (failed.Contains(fd.get())) {
    return Status(Code::kCorruption, fmt::format("an earlier fsync of this file failed, so it is "
                                                 "unknown which bytes reached the disk: {}",
                                                 path))
        .WithError(kSyncFailedBefore)
        .WithHint("check the disk and write the rows to a new file");
  }
  const int error = SyncRetrying(fd.get());
  if (error == 0) return Status::Ok();
  failed.Note(fd.get());
  return SyncFailed(error, path);
}
}  // namespace weirhouse::platform
