// Access to folders and files by descriptor instead of by path; no symbolic link is followed. Cost:
// one to three system calls per operation; List makes one more per entry.
//
// For places where other programs write too: landing folders, and the lake that other engines
// share. A path is resolved anew by every call, so a file that is read and then removed by path may
// be two different files; an open folder stays the same folder, whatever is moved meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::platform {

// Owns a file descriptor and closes it. Movable. Threads: one.
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

// One directory entry. Two entries are the same file if device and inode are equal; a file is
// unchanged if size and both times are equal too. Users can set a modification time but not a
// change time.
struct Entry {
  std::string name;  // the bytes in the file system
  EntryKind kind = EntryKind::kFile;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::int64_t mtime_us() const { return mtime_ns / 1000; }
  std::int64_t ctime_us() const { return ctime_ns / 1000; }
  // A rename changes the change time, so a moved file is compared without it.
  bool SameBytesTimesAs(const Entry& other) const {
    return kind == other.kind && device == other.device && inode == other.inode &&
           size_bytes == other.size_bytes && mtime_ns == other.mtime_ns;
  }
  bool UnchangedSince(const Entry& other) const {
    return SameBytesTimesAs(other) && ctime_ns == other.ctime_ns;
  }
};

class FolderListing;

// Threads: one. Errors: those of ObjectStore, with the path for people; kInvalidInput (WH7016) if
// an entry on the way is a link.
class OpenFolder {
 public:
  // `path` itself may lead through links.
  static Result<OpenFolder> Open(const std::string& path);
  // Opens a direct subfolder.
  Result<OpenFolder> Enter(const std::string& name) const;
  // Opens the folder "a/b" below this one; "" is this one.
  Result<OpenFolder> Walk(std::string_view below) const;

  // Direct entries, sorted by name. Entries that vanish meanwhile are left out.
  Result<std::vector<Entry>> List() const;
  // Lists it some entries at a time.
  Result<FolderListing> Begin() const;
  // The entry with that name; kNotFound if there is none.
  Result<Entry> Look(const std::string& name) const;
  // Opens a file for reading. Never blocks, not even on a pipe.
  Result<Descriptor> OpenFile(const std::string& name) const;
  // Creates a folder that only this user may enter, or opens the existing one.
  Result<OpenFolder> MakePrivate(const std::string& name) const;
  // Moves `name` into the folder `to` as `new_name`. kConflict (WH7014): that name is taken, and
  // nothing was moved.
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

// The entries of a folder, some at a time, in the file system's order. Entries that come or go
// meanwhile may or may not be among them; all others are, once. Holds a descriptor of its own.
// Threads: one.
class FolderListing {
 public:
  // Up to `limit` (at least 1) further entries; fewer only at the end.
  Result<std::vector<Entry>> Next(std::size_t limit);

 private:
  friend class OpenFolder;
  struct Close {
    void operator()(void* handle) const noexcept;
  };
  FolderListing(std::unique_ptr<void, Close> handle, std::string path)
      : handle_(std::move(handle)), path_(std::move(path)) {}
  std::unique_ptr<void, Close> handle_;  // of opendir
  std::string path_;                     // for messages
};

// The entry of an open descriptor, without its name.
Result<Entry> StatDescriptor(int fd, const std::string& path);
enum class Writers : std::uint8_t { kNone, kSome, kUnknown };
// Whether a process has the file open for writing. kUnknown if the file system or the file's owner
// does not permit the check.
Writers FindWriters(int fd);
// Reads between 1 and `room` bytes at `offset`; 0 at the end of the file, or if `room` is 0. EIO
// and similar errors are kUnavailable (WH7015).
Result<std::size_t> ReadSome(int fd, const std::string& path, std::int64_t offset, char* into,
                             std::size_t room);
// Reads a file from its beginning, piece by piece, and stops once more than `bytes_max` bytes were
// read, because another process may append to it without end. EIO and similar errors are
// kUnavailable (WH7015).
Status ReadPieces(int fd, const std::string& path, std::int64_t bytes_max,
                  const std::function<void(std::string_view)>& piece);
}  // namespace weirhouse::platform
