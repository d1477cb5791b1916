#include "ground/platform/io/open_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include "ground/platform/io/disk_error.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kReadBytes = 1 << 20;

int OpenAt(int folder, const char* name, int flags) {
  int fd = -1;
  do {
    fd = openat(folder, name, flags | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Times that 64 bits do not hold (before 1677, after 2262: anybody may set them) count as the first
// or the last.
std::int64_t Nanoseconds(const timespec& time) {
  std::int64_t nanoseconds = 0;
  if (!__builtin_mul_overflow(std::int64_t{time.tv_sec}, std::int64_t{1'000'000'000},
                              &nanoseconds) &&
      !__builtin_add_overflow(nanoseconds, std::int64_t{time.tv_nsec}, &nanoseconds)) {
    return nanoseconds;
  }
  return time.tv_sec < 0 ? std::numeric_limits<std::int64_t>::min()
                         : std::numeric_limits<std::int64_t>::max();
}

EntryKind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return EntryKind::kFile;
  if (S_ISDIR(mode)) return EntryKind::kFolder;
  if (S_ISLNK(mode)) return EntryKind::kLink;
  if (S_ISFIFO(mode)) return EntryKind::kPipe;
  if (S_ISSOCK(mode)) return EntryKind::kSocket;
  return EntryKind::kDevice;
}

Entry EntryOfStat(std::string name, const struct stat& found) {
  Entry entry;
  entry.name = std::move(name);
  entry.kind = KindOf(found.st_mode);
  entry.device = found.st_dev;
  entry.inode = found.st_ino;
  entry.size_bytes = found.st_size;
  entry.mtime_ns = Nanoseconds(found.st_mtim);
  entry.ctime_ns = Nanoseconds(found.st_ctim);
  return entry;
}
}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

std::string_view EntryKindName(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return "a file";
    case EntryKind::kFolder:
      return "a folder";
    case EntryKind::kLink:
      return "a symbolic link";
    case EntryKind::kPipe:
      return "a named pipe";
    case EntryKind::kSocket:
      return "a socket";
    case EntryKind::kDevice:
      return "a device";
  }
  return "nothing known";
}

std::string OpenFolder::Of(const std::string& name) const {
  return path_.ends_with('/') ? path_ + name : path_ + "/" + name;
}

Result<OpenFolder> OpenFolder::Open(const std::string& path) {
  Descriptor fd(OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
  if (!fd.open()) return ErrnoToStatus(errno, "open the folder", path);
  return OpenFolder(std::move(fd), path);
}

Result<OpenFolder> OpenFolder::Enter(const std::string& name) const {
  Descriptor fd(OpenAt(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (!fd.open()) return ErrnoToStatus(errno, "open the folder", Of(name));
  return OpenFolder(std::move(fd), Of(name));
}

Result<OpenFolder> OpenFolder::Walk(std::string_view below) const {
  Descriptor self(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!self.open()) return ErrnoToStatus(errno, "open the folder", path_);
  OpenFolder at(std::move(self), path_);
  while (!below.empty()) {
    const auto slash = below.find('/');
    const std::string name(below.substr(0, slash));
    below = slash == std::string_view::npos ? std::string_view() : below.substr(slash + 1);
    if (name.empty()) continue;
    auto next = at.Enter(name);
    if (!next.ok()) return next.status();
    at = std::move(next).value();
  }
  return at;
}

Result<FolderListing> OpenFolder::Begin() const {
  // A separate descriptor: closedir closes it, and it has its own read position.
  const int fd = OpenAt(fd_.get(), ".", O_RDONLY | O_DIRECTORY);
  if (fd < 0) return ErrnoToStatus(errno, "list", path_);
  std::unique_ptr<void, FolderListing::Close> handle(fdopendir(fd));
  if (handle == nullptr) {
    const int error = errno;
    close(fd);
    return ErrnoToStatus(error, "list", path_);
  }
  return FolderListing(std::move(handle), path_);
}

void FolderListing::Close::operator()(void* handle) const noexcept {
  closedir(static_cast<DIR*>(handle));
}

Result<std::vector<Entry>> FolderListing::Next(std::size_t limit) {
  DIR* const folder = static_cast<DIR*>(handle_.get());
  std::vector<Entry> found;
  while (found.size() < limit) {
    errno = 0;
    const dirent* entry = readdir(folder);
    if (entry == nullptr) {
      if (errno != 0) return ErrnoToStatus(errno, "list", path_);
      break;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat stat{};
    if (fstatat(dirfd(folder), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return ErrnoToStatus(errno, "stat", path_ + "/" + name);
    }
    found.push_back(EntryOfStat(std::move(name), stat));
  }
  return found;
}

Result<std::vector<Entry>> OpenFolder::List() const {
  constexpr std::size_t kAtOnce = 4096;
  WEIRHOUSE_TRY(FolderListing listing, Begin());
  std::vector<Entry> found;
  for (std::size_t got = kAtOnce; got == kAtOnce;) {
    WEIRHOUSE_TRY(std::vector<Entry> some, listing.Next(kAtOnce));
    got = some.size();
    std::move(some.begin(), some.end(), std::back_inserter(found));
  }
  std::sort(found.begin(), found.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return found;
}

Result<Entry> OpenFolder::Look(const std::string& name) const {
  struct stat found{};
  if (fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoToStatus(errno, "stat", Of(name));
  }
  return EntryOfStat(name, found);
}

Result<Descriptor> OpenFolder::OpenFile(const std::string& name) const {
  Descriptor fd(OpenAt(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd.open()) return ErrnoToStatus(errno, "open", Of(name));
  return fd;
}

Result<OpenFolder> OpenFolder::MakePrivate(const std::string& name) const {
  if (mkdirat(fd_.get(), name.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoToStatus(errno, "make the folder", Of(name));
  }
  auto folder = Enter(name);
  if (!folder.ok()) return folder;
  struct stat found{};
  if (fstat(folder->fd_.get(), &found) != 0) return ErrnoToStatus(errno, "stat", Of(name));
  if (found.st_uid != geteuid() || (found.st_mode & 077) != 0) {
    return Status(Code::kPermissionDenied,
                  "a folder that must be private is accessible to other users: " + Of(name))
        .WithError("WH7013")
        .WithHint("remove it, or set its mode to 0700 and its owner to this user");
  }
  return folder;
}

Status OpenFolder::Move(const std::string& name, const OpenFolder& to,
                        const std::string& new_name) const {
  const int from_fd = fd_.get();
  const int to_fd = to.fd_.get();
  if (renameat2(from_fd, name.c_str(), to_fd, new_name.c_str(), RENAME_NOREPLACE) == 0) {
    return Status::Ok();
  }
  if (errno != EINVAL && errno != ENOSYS) return ErrnoToStatus(errno, "move", Of(name));
  // A file system without RENAME_NOREPLACE: a hard link does not replace either.
  if (linkat(from_fd, name.c_str(), to_fd, new_name.c_str(), 0) != 0 ||
      unlinkat(from_fd, name.c_str(), 0) != 0) {
    return ErrnoToStatus(errno, "move", Of(name));
  }
  return Status::Ok();
}

Status OpenFolder::RemoveFile(const std::string& name) const {
  if (unlinkat(fd_.get(), name.c_str(), 0) != 0) return ErrnoToStatus(errno, "remove", Of(name));
  return Status::Ok();
}
Status OpenFolder::RemoveEmptyFolder(const std::string& name) const {
  if (unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR) != 0) {
    return ErrnoToStatus(errno, "remove", Of(name));
  }
  return Status::Ok();
}

Result<Entry> StatDescriptor(int fd, const std::string& path) {
  struct stat found{};
  if (fstat(fd, &found) != 0) return ErrnoToStatus(errno, "stat", path);
  return EntryOfStat("", found);
}

Writers FindWriters(int fd) {
  // A read lease is granted only while the file is not open for writing (fcntl(2), F_SETLEASE). If
  // a process opens the file for writing while we hold the lease, the kernel sends us a signal:
  // SIGIO would end the process, SIGURG is ignored by default.
  fcntl(fd, F_SETSIG, SIGURG);
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return Writers::kNone;
  }
  return errno == EAGAIN ? Writers::kSome : Writers::kUnknown;
}

Result<std::size_t> ReadSome(int fd, const std::string& path, std::int64_t offset, char* into,
                             std::size_t room) {
  while (true) {
    const ssize_t got = pread(fd, into, room, offset);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return ErrnoToStatus(errno, "read", path);
  }
}

Status ReadPieces(int fd, const std::string& path, std::int64_t bytes_max,
                  const std::function<void(std::string_view)>& piece) {
  std::string buffer(kReadBytes, '\0');
  for (std::int64_t offset = 0; offset <= bytes_max;) {
    WEIRHOUSE_TRY(const std::size_t got, ReadSome(fd, path, offset, buffer.data(), buffer.size()));
    if (got == 0) break;
    piece(std::string_view(buffer).substr(0, got));
    offset += static_cast<std::int64_t>(got);
  }
  return Status::Ok();
}
}  // namespace weirhouse::platform
