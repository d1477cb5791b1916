// Folders and files by what they are, not by what a path leads to: no link is followed.
//
// For places that others write too: landing folders, and the lake that other engines share. A path
// is looked up anew by every call, so what is read and what is then removed may be two files; a
// folder held open stays the same folder, whatever is moved meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::platform {

// Closes what it holds. Movable.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

enum class EntryKind : std::uint8_t { kFile, kFolder, kLink, kPipe, kSocket, kDevice };
// "a symbolic link", "a named pipe", …
std::string_view EntryKindName(EntryKind kind);

// What stands under a name. Two files are one if device and inode agree; one file is unchanged if
// size and both times agree too. A change time cannot be set by anybody, a modification time can.
struct Entry {
  std::string name;  // bytes as the file system has them
  EntryKind kind = EntryKind::kFile;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::int64_t mtime_us() const { return mtime_ns / 1000; }
  std::int64_t ctime_us() const { return ctime_ns / 1000; }
  // A rename moves the change time, so what was moved is compared without it.
  bool SameBytesTimesAs(const Entry& other) const {
    return kind == other.kind && device == other.device && inode == other.inode &&
           size_bytes == other.size_bytes && mtime_ns == other.mtime_ns;
  }
  bool UnchangedSince(const Entry& other) const {
    return SameBytesTimesAs(other) && ctime_ns == other.ctime_ns;
  }
};

// Threads: one. Errors: those of Disk, with the path for people; kInvalidInput (WH7016) where a
// link stands in the way.
class OpenFolder {
 public:
  // `path` itself may be reached through links: whoever names it means where it leads.
  static Result<OpenFolder> Open(const std::string& path);
  // A direct folder of this one.
  Result<OpenFolder> Enter(const std::string& name) const;
  // The folder "a/b" below this one; "" is this one.
  Result<OpenFolder> Walk(std::string_view below) const;

  // Direct entries, sorted by name. What vanishes meanwhile is left out.
  Result<std::vector<Entry>> List() const;
  // kNotFound if nothing has that name.
  Result<Entry> Look(const std::string& name) const;
  // Opens a file for reading. Never waits, whatever stands there.
  Result<Descriptor> OpenFile(const std::string& name) const;
  // Makes a folder that only this user may enter, or finds it.
  Result<OpenFolder> MakePrivate(const std::string& name) const;
  // Gives `name` to `to` as `new_name`. kConflict (WH7014): that name is taken, and nothing moved.
  Status Move(const std::string& name, const OpenFolder& to, const std::string& new_name) const;
  Status RemoveFile(const std::string& name) const;
  Status RemoveEmptyFolder(const std::string& name) const;

  const std::string& path() const { return path_; }

 private:
  OpenFolder(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  std::string Of(const std::string& name) const;

  Descriptor fd_;
  std::string path_;  // for messages
};

// What `fd` holds; its name is left empty.
Result<Entry> EntryOf(int fd, const std::string& path);
enum class Writers : std::uint8_t { kNone, kSome, kUnknown };
// Whether a process has the file open for writing. kUnknown where the file system or the file's
// owner lets nobody ask.
Writers WritersOf(int fd);
// Reads at least one and at most `room` bytes at `offset`; 0 at the end of the file, or where
// `room` is 0. EIO and the like are kUnavailable (WH7015).
Result<std::size_t> ReadSome(int fd, const std::string& path, std::int64_t offset, char* into,
                             std::size_t room);
// Reads a file from its beginning, piece by piece, and no more once `bytes_max` are exceeded: one
// that somebody appends to has no end. EIO and the like are kUnavailable (WH7015).
Status ReadPieces(int fd, const std::string& path, std::int64_t bytes_max,
                  const std::function<void(std::string_view)>& piece);
}  // namespace weirhouse::platform
