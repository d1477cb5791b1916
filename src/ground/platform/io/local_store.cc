#include "ground/platform/io/local_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"
#include "ground/platform/io/disk_error.h"
#include "ground/platform/io/durable_folder.h"
#include "ground/platform/io/location.h"
#include "ground/platform/io/open_folder.h"
#include "ground/platform/io/power_loss.h"
#include "ground/platform/io/put_together.h"
#include "ground/platform/io/shared_sync.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kSyncThreadsMax = 8;  // beyond it a disk's queue gains little
constexpr std::size_t kPieceBytes = 256 << 10;
constexpr int kTemporaryNamesMax = 1000;  // names left by a killed process of the same id

int OpenRetrying(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Opens a regular file for reading. Anything else under the name (a pipe, a device, a socket) is
// refused without blocking.
Result<Descriptor> OpenToRead(const std::string& path, struct stat& found) {
  Descriptor fd(OpenRetrying(path, O_RDONLY | O_NONBLOCK));
  if (!fd.open()) return ErrnoToStatus(errno, "open", path);
  if (fstat(fd.get(), &found) != 0) return ErrnoToStatus(errno, "stat", path);
  if (S_ISREG(found.st_mode)) return fd;
  if (S_ISDIR(found.st_mode)) return ErrnoToStatus(EISDIR, "read", path);
  const std::string_view kind = S_ISFIFO(found.st_mode)   ? "a named pipe"
                                : S_ISSOCK(found.st_mode) ? "a socket"
                                                          : "a device";
  return Status(Code::kInvalidInput,
                fmt::format("could not read {}, which is not a regular file: {}", kind, path))
      .WithError("WH7016")
      .WithHint("only regular files are read; find out what created it, and remove it");
}

// 0, or the errno of the write that failed.
int WriteFully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string NameOf(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

FileInfo InfoOf(std::string path, const struct stat& stat) {
  FileInfo info;
  info.path = std::move(path);
  info.size_bytes = stat.st_size;
  info.mtime_us =
      static_cast<std::int64_t>(stat.st_mtim.tv_sec) * 1'000'000 + stat.st_mtim.tv_nsec / 1000;
  info.inode = stat.st_ino;
  info.is_folder = S_ISDIR(stat.st_mode);
  return info;
}

// Runs `act` on each path by up to kSyncThreadsMax threads; the first failure in order of paths.
template <typename Act>
Status ForEachPath(const std::vector<std::string>& paths, const Act& act) {
  return ForEachInParallel(paths.size(), kSyncThreadsMax,
                           [&](std::size_t i) { return act(paths[i]); });
}

// An absolute path as it is, so that the kernel follows its links and ".."; a URI as the path it names.
std::string PathOf(const std::string& location) {
  return location.starts_with("file:") ? CanonicalPath(location) : location;
}

class LocalDriver final : public ObjectStore, public PutsTogether {
 public:
  Status Write(const std::string& location, std::string_view bytes) override {
    const std::string path = PathOf(location);
    WEIRHOUSE_FAILPOINT("disk.write.before");
    WEIRHOUSE_TRY(const int raw, Create(path, 0644));
    const Descriptor fd(raw);
    MarkUnsynced(path, Unsynced::kBytes);
    if (const int error = WriteFully(fd.get(), bytes); error != 0) {
      Discard(path);
      return ErrnoToStatus(error, "write", path);
    }
    WEIRHOUSE_FAILPOINT("disk.write.after");
    return Status::Ok();
  }

  Status Flush(std::span<const std::string> locations) override {
    WEIRHOUSE_FAILPOINT("disk.sync.before");
    if (Planted("drop_fsync")) return Status::Ok();
    std::set<std::string> unique;
    for (const std::string& location : locations) unique.insert(PathOf(location));
    const std::vector<std::string> files(unique.begin(), unique.end());
    const auto sync = [this](const std::string& path) {
      Status synced = SyncFile(path, failed_);
      if (synced.ok()) MarkBytesSynced(path);
      return synced;
    };
    WEIRHOUSE_TRY_STATUS(ForEachPath(files, sync));
    WEIRHOUSE_FAILPOINT("disk.sync.middle");
    std::set<std::string> folders;
    for (const std::string& path : files) folders.insert(ParentFolder(path));
    WEIRHOUSE_TRY_STATUS(
        ForEachPath(std::vector<std::string>(folders.begin(), folders.end()),
                    [this](const std::string& folder) { return folders_.Sync(folder); }));
    for (const std::string& path : files) MarkSynced(path);
    WEIRHOUSE_FAILPOINT("disk.sync.after");
    return Status::Ok();
  }

  Status Replace(const std::string& path, std::string_view bytes) override {
    StreamOfBytes stream(bytes);
    return ReplaceByStream(path, stream, 0644);
  }

  Status ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode) override {
    const std::string path = PathOf(location);
    WEIRHOUSE_TRY(const std::string temporary, WriteTemporary(path, bytes, mode));
    WEIRHOUSE_FAILPOINT("disk.replace.before_rename");
    if (rename(temporary.c_str(), path.c_str()) != 0) {
      const int error = errno;
      Discard(temporary);
      return ErrnoToStatus(error, "replace", path);
    }
    MarkSynced(temporary);
    MarkSynced(path);  // the unsynced file that was replaced no longer exists
    WEIRHOUSE_FAILPOINT("disk.replace.after_rename");
    return folders_.Sync(ParentFolder(path));
  }

  Result<bool> PutIfAbsent(const std::string& path, std::string_view bytes,
                           unsigned mode) override {
    StreamOfBytes stream(bytes);
    return PutStreamIfAbsent(path, stream, mode);
  }

  Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                 unsigned mode) override {
    const std::string path = PathOf(location);
    struct stat found{};
    if (lstat(path.c_str(), &found) == 0) return WasThere(path);
    WEIRHOUSE_TRY(const std::string temporary, WriteTemporary(path, bytes, mode));
    WEIRHOUSE_FAILPOINT("disk.put.before_link");
    if (const int error = RenameIfAbsent(temporary, path); error != 0) {
      Discard(temporary);
      if (error == EEXIST) return WasThere(path);
      return ErrnoToStatus(error, "put", path);
    }
    MarkSynced(temporary);
    MarkUnsynced(path, Unsynced::kName);
    WEIRHOUSE_FAILPOINT("disk.put.after_link");
    WEIRHOUSE_TRY_STATUS(folders_.Sync(ParentFolder(path)));
    MarkSynced(path);
    return true;
  }

  Result<std::vector<bool>> PutAllIfAbsent(std::span<const NewObject> objects,
                                           unsigned mode) override {
    std::vector<bool> created;
    created.reserve(objects.size());
    while (!objects.empty()) {
      const std::size_t together = std::min(objects.size(), kPutTogetherMax);
      std::vector<Unnamed> files;
      Status put = PutTogether(objects.first(together), mode, files, created);
      for (const Unnamed& file : files) Discard(file.temporary);
      WEIRHOUSE_TRY_STATUS(put);
      objects = objects.subspan(together);
    }
    return created;
  }

  Result<std::string> Read(const std::string& location) override {
    const std::string path = PathOf(location);
    struct stat found{};
    WEIRHOUSE_TRY(const Descriptor fd, OpenToRead(path, found));
    // One byte more than the file's size, so that the end is seen without growing the buffer.
    std::string bytes(static_cast<std::size_t>(found.st_size) + 1, '\0');
    std::size_t filled = 0;
    while (true) {
      const ssize_t got = read(fd.get(), bytes.data() + filled, bytes.size() - filled);
      if (got < 0) {
        if (errno == EINTR) continue;
        return ErrnoToStatus(errno, "read", path);
      }
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
      if (filled == bytes.size()) bytes.resize(bytes.size() * 2);  // it grew meanwhile
    }
    bytes.resize(filled);
    return bytes;
  }

  Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                std::int64_t size_bytes) override {
    const std::string path = PathOf(location);
    struct stat found{};
    WEIRHOUSE_TRY(const Descriptor fd, OpenToRead(path, found));
    if (offset < 0 || size_bytes < 0 || offset > found.st_size ||
        size_bytes > found.st_size - offset) {
      return Status(
                 Code::kCorruption,
                 fmt::format("could not read beyond the end of the file: {} bytes at {} of {}: {}",
                             size_bytes, offset, found.st_size, path))
          .WithError("WH7017")
          .WithHint("the file is shorter than its metadata says; run `wh verify --deep`");
    }
    std::string bytes(static_cast<std::size_t>(size_bytes), '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t got = pread(fd.get(), bytes.data() + filled, bytes.size() - filled,
                                offset + static_cast<std::int64_t>(filled));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return ErrnoToStatus(got < 0 ? errno : EIO, "read", path);
      filled += static_cast<std::size_t>(got);
    }
    return bytes;
  }

  Result<FileInfo> Stat(const std::string& location) override {
    const std::string path = PathOf(location);
    struct stat found{};
    if (stat(path.c_str(), &found) != 0) return ErrnoToStatus(errno, "stat", path);
    return InfoOf(path, found);
  }

  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          std::int64_t limit) override;

  Status MakeFolder(const std::string& location) override {
    const std::string path = PathOf(location);
    // The caller asked for it explicitly, so the cache must not answer for a folder that was
    // removed.
    folders_.Forget();
    return folders_.Make(path);
  }

  Status Delete(const std::string& location) override {
    const std::string path = PathOf(location);
    int rc = unlink(path.c_str());
    if (rc != 0 && errno == EISDIR) {
      folders_.Forget();
      rc = rmdir(path.c_str());
    }
    if (rc != 0 && errno != ENOENT) return ErrnoToStatus(errno, "remove", path);
    MarkSynced(path);
    return Status::Ok();
  }

 private:
  // Creates a file, and its folder if needed, also one that the cache lists and that was removed.
  // The descriptor is the caller's; kConflict if the file exists.
  Result<int> Create(const std::string& path, mode_t mode) {
    for (int attempt = 0;; ++attempt) {
      const int fd = OpenRetrying(path, O_WRONLY | O_CREAT | O_EXCL, mode);
      if (fd >= 0) return fd;
      if (errno != ENOENT || attempt == 2) return ErrnoToStatus(errno, "create", path);
      if (attempt > 0) folders_.Forget();
      WEIRHOUSE_TRY_STATUS(folders_.Make(ParentFolder(path)));
    }
  }

  // Removes a file that was not yet reported as created.
  static void Discard(const std::string& path) {
    if (unlink(path.c_str()) == 0) MarkSynced(path);
  }

  // A hidden name beside `path` that no one uses, and its descriptor.
  Result<std::pair<std::string, int>> CreateTemporary(const std::string& path) {
    static std::atomic<std::uint64_t> counter{0};
    for (int attempt = 1;; ++attempt) {
      std::string temporary =
          fmt::format("{}/.{}.{}-{}.tmp", ParentFolder(path), NameOf(path), getpid(), ++counter);
      const Result<int> fd = Create(temporary, 0600);
      if (fd.ok()) return std::pair(std::move(temporary), *fd);
      if (fd.status().code() != Code::kConflict || attempt == kTemporaryNamesMax) {
        return fd.status();
      }
    }
  }

  // A durable hidden file beside `path` with these bytes.
  Result<std::string> WriteTemporary(const std::string& path, ByteStream& bytes, unsigned mode) {
    WEIRHOUSE_TRY(auto written, WriteUnsynced(path, bytes, mode));
    if (const int error = SyncRetrying(written.second.get()); error != 0) {
      Discard(written.first);
      return SyncFailed(error, written.first);
    }
    return std::move(written.first);
  }

  // As WriteTemporary, but not durable yet.
  Result<std::pair<std::string, Descriptor>> WriteUnsynced(const std::string& path,
                                                           ByteStream& bytes, unsigned mode) {
    WEIRHOUSE_TRY(auto created, CreateTemporary(path));
    const std::string& temporary = created.first;
    Descriptor fd(created.second);
    MarkUnsynced(temporary, Unsynced::kName);
    Status written = WriteStream(fd.get(), bytes, temporary);
    if (written.ok() && fchmod(fd.get(), static_cast<mode_t>(mode)) != 0)
      written = ErrnoToStatus(errno, "write", temporary);
    if (!written.ok()) {
      Discard(temporary);
      return written;
    }
    return std::pair(std::move(created.first), std::move(fd));
  }

  // A file under a hidden name beside `path`, the place of `object`-th of some.
  struct Unnamed {
    std::size_t object = 0;
    std::string path;
    std::string temporary;
  };

  // Puts `objects` and appends to `created`. `files` gets those that still have a hidden name when
  // it returns, which only happens after an error.
  Status PutTogether(std::span<const NewObject> objects, unsigned mode, std::vector<Unnamed>& files,
                     std::vector<bool>& created) {
    std::set<std::string> folders;
    std::vector<std::string> there;
    for (const NewObject& object : objects) folders.insert(ParentFolder(PathOf(object.location)));
    std::vector<std::optional<SharedSync>> shared;
    for (const std::string& folder : folders) {
      WEIRHOUSE_TRY_STATUS(folders_.Make(folder));
      if (objects.size() >= kSharedSyncLeast) shared.push_back(SharedSync::Begin(folder));
    }
    const std::size_t first = created.size();
    created.resize(first + objects.size(), false);
    for (std::size_t i = 0; i < objects.size(); ++i) {
      std::string path = PathOf(objects[i].location);
      struct stat found{};
      if (lstat(path.c_str(), &found) == 0) {
        there.push_back(std::move(path));
        continue;
      }
      WEIRHOUSE_TRY(const std::unique_ptr<ByteStream> stream, objects[i].open());
      WEIRHOUSE_TRY(auto written, WriteUnsynced(path, *stream, mode));
      files.push_back({i, std::move(path), std::move(written.first)});
    }
    WEIRHOUSE_FAILPOINT("disk.put_all.written");
    WEIRHOUSE_TRY_STATUS(SyncAll(files, shared));
    WEIRHOUSE_FAILPOINT("disk.put_all.synced");
    std::vector<Unnamed> left = std::move(files);
    files.clear();
    for (std::size_t i = 0; i < left.size(); ++i) {
      const Unnamed& file = left[i];
      const int error = RenameIfAbsent(file.temporary, file.path);
      if (error != 0 && error != EEXIST) {
        files.assign(left.begin() + static_cast<std::ptrdiff_t>(i), left.end());
        return ErrnoToStatus(error, "put", file.path);
      }
      if (error == 0) {
        MarkSynced(file.temporary);
        MarkUnsynced(file.path, Unsynced::kName);
        created[first + file.object] = true;
      } else {
        Discard(file.temporary);
      }
      there.push_back(file.path);
    }
    WEIRHOUSE_FAILPOINT("disk.put_all.named");
    // Also for those that were there: who created them may not have fsynced the folder yet.
    WEIRHOUSE_TRY_STATUS(
        ForEachPath(std::vector<std::string>(folders.begin(), folders.end()),
                    [this](const std::string& folder) { return folders_.Sync(folder); }));
    for (const std::string& path : there) MarkNameSynced(path);
    return Status::Ok();
  }

  // Makes the bytes of `files` durable, all at once if each folder's file system allows it.
  Status SyncAll(const std::vector<Unnamed>& files,
                 std::vector<std::optional<SharedSync>>& shared) {
    if (files.empty()) return Status::Ok();
    const bool at_once =
        files.size() >= kSharedSyncLeast && !shared.empty() &&
        std::all_of(shared.begin(), shared.end(), [](const auto& one) { return one.has_value(); });
    if (at_once) {
      for (std::optional<SharedSync>& one : shared) {
        if (const int error = one->Sync(); error != 0) return SyncFailed(error, files[0].path);
      }
      return Status::Ok();
    }
    std::vector<std::string> paths;
    paths.reserve(files.size());
    for (const Unnamed& file : files) paths.push_back(file.temporary);
    return ForEachPath(paths, [this](const std::string& path) { return SyncFile(path, failed_); });
  }

  static Status WriteStream(int fd, ByteStream& bytes, const std::string& path) {
    std::string piece(kPieceBytes, '\0');
    while (true) {
      WEIRHOUSE_TRY(const std::size_t got, bytes.Read(piece.data(), piece.size()));
      if (got == 0) return Status::Ok();
      if (const int error = WriteFully(fd, std::string_view(piece).substr(0, got)); error != 0)
        return ErrnoToStatus(error, "write", path);
    }
  }

  // 0, or an errno: EEXIST if `to` exists.
  static int RenameIfAbsent(const std::string& from, const std::string& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    // A file system without RENAME_NOREPLACE: a hard link does not replace either.
    if (link(from.c_str(), to.c_str()) != 0) return errno;
    return unlink(from.c_str()) == 0 ? 0 : errno;
  }

  // The process that created it may not have fsynced the folder yet, and our caller relies on it.
  Result<bool> WasThere(const std::string& path) {
    WEIRHOUSE_TRY_STATUS(folders_.Sync(ParentFolder(path)));
    MarkNameSynced(path);
    return false;
  }

  DurableFolders folders_;
  FailedSyncs failed_;
};

// An object that is still being written and has no final name yet.
bool IsTemporary(std::string_view name) { return name.starts_with('.') && name.ends_with(".tmp"); }

// Walks folders so that files are listed in the byte order of their paths.
class Listing {
 public:
  Listing(std::string prefix, std::string after, std::int64_t limit)
      : prefix_(std::move(prefix)), after_(std::move(after)), limit_(limit) {}

  Result<ObjectPage> Run() {
    const std::string folder = prefix_.substr(0, prefix_.rfind('/') + 1);
    if (folder.empty()) return ErrnoToStatus(EINVAL, "list", prefix_);
    const auto opened = OpenFolder::Open(folder);
    if (opened.status().code() == Code::kNotFound) return std::move(page_);
    if (!opened.ok()) return opened.status();
    WEIRHOUSE_TRY_STATUS(Walk(*opened, folder));
    return std::move(page_);
  }

 private:
  // Whether `path` may be a prefix of wanted locations.
  bool MayLead(std::string_view path) const {
    const std::size_t common = std::min(path.size(), prefix_.size());
    if (path.substr(0, common) != std::string_view(prefix_).substr(0, common)) return false;
    return path > after_ || std::string_view(after_).starts_with(path);
  }

  Status Walk(const OpenFolder& folder, const std::string& path) {
    WEIRHOUSE_TRY(const std::vector<Entry> entries, folder.List());
    std::vector<std::pair<std::string, const Entry*>> names;
    for (const Entry& entry : entries) {
      // Sorted as a part of the longer paths below it, a folder's name ends with a slash.
      if (entry.kind == EntryKind::kFolder) names.emplace_back(entry.name + "/", &entry);
      if (entry.kind == EntryKind::kFile && !IsTemporary(entry.name))
        names.emplace_back(entry.name, &entry);
    }
    std::sort(names.begin(), names.end());
    for (const auto& [name, entry] : names) {
      std::string place = path + name;
      if (page_.more || !MayLead(place)) continue;
      if (entry->kind == EntryKind::kFolder) {
        const auto below = folder.Enter(entry->name);
        if (below.status().code() == Code::kNotFound) continue;  // gone since
        if (!below.ok()) return below.status();
        WEIRHOUSE_TRY_STATUS(Walk(*below, place));
      } else if (place > after_ && place.starts_with(prefix_)) {
        Take(std::move(place), *entry);
      }
    }
    return Status();
  }

  void Take(std::string place, const Entry& entry) {
    if (static_cast<std::int64_t>(page_.objects.size()) >= limit_) {
      page_.more = true;
      return;
    }
    FileInfo info;
    info.path = std::move(place);
    info.size_bytes = entry.size_bytes;
    info.mtime_us = entry.mtime_us();
    info.inode = entry.inode;
    page_.objects.push_back(std::move(info));
  }

  const std::string prefix_;
  const std::string after_;
  const std::int64_t limit_;
  ObjectPage page_;
};

// As CanonicalPath, but keeps a slash at the end, which matters in a prefix.
std::string PrefixOf(const std::string& prefix) {
  std::string path = CanonicalPath(prefix);
  if (prefix.ends_with('/') && !path.ends_with('/')) path += '/';
  return path;
}

Result<ObjectPage> LocalDriver::List(const std::string& prefix, const std::string& after,
                                     std::int64_t limit) {
  const std::string path = PrefixOf(prefix);
  if (!path.starts_with('/')) {
    return Status(Code::kInvalidInput,
                  "the prefix to list must begin with an absolute path: " + prefix)
        .WithError("WH7016");
  }
  return Listing(path, after.empty() ? after : PrefixOf(after), limit).Run();
}

struct CloseListing {
  void operator()(DIR* folder) const noexcept { closedir(folder); }
};
}  // namespace

Result<std::vector<FileInfo>> ListFolder(const std::string& folder) {
  const std::unique_ptr<DIR, CloseListing> handle(opendir(folder.c_str()));
  if (handle == nullptr) return ErrnoToStatus(errno, "list", folder);
  std::vector<FileInfo> found;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(handle.get());
    if (entry == nullptr) {
      if (errno != 0) return ErrnoToStatus(errno, "list", folder);
      break;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat stat{};
    // Removed meanwhile, or a dangling link: not an entry. Pipes and sockets are not files.
    if (fstatat(dirfd(handle.get()), entry->d_name, &stat, 0) != 0) continue;
    if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) continue;
    found.push_back(InfoOf(folder.ends_with('/') ? folder + name : folder + "/" + name, stat));
  }
  std::sort(found.begin(), found.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
  return found;
}

ObjectStore& LocalStore() {
  static LocalDriver* const store = new LocalDriver;  // outlives every thread
  return *store;
}

Result<double> MeasureFsyncSeconds(const std::string& folder, int count) {
  const std::string path = fmt::format("{}/.fsync-probe.{}", folder, getpid());
  const Descriptor fd(OpenRetrying(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (!fd.open()) return ErrnoToStatus(errno, "create", path);
  unlink(path.c_str());  // gone at the latest when the process ends
  const std::string block(4096, 'w');
  std::vector<double> seconds;
  for (int i = 0; i < std::max(count, 1); ++i) {
    const auto start = SystemClock().Monotonic();
    if (const int error = WriteFully(fd.get(), block); error != 0) {
      return ErrnoToStatus(error, "write", path);
    }
    if (const int error = SyncRetrying(fd.get()); error != 0) return SyncFailed(error, path);
    seconds.push_back(std::chrono::duration<double>(SystemClock().Monotonic() - start).count());
  }
  std::nth_element(seconds.begin(),
                   seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size()) / 2,
                   seconds.end());
  return seconds[seconds.size() / 2];
}
}  // namespace weirhouse::platform
