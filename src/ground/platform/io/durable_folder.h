// Makes file names durable, and remembers files whose fsync failed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "ground/base/status.h"

namespace weirhouse::platform {

// Identifies one file or folder for as long as it exists. The kernel reuses inode numbers, but not
// together with the same birth time, except within a few milliseconds in which its clock does not
// advance.
struct Identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;
  friend auto operator<=>(const Identity&, const Identity&) = default;
};
// Absent if the file does not exist, or the file system keeps no birth time.
std::optional<Identity> FindIdentity(int fd);
std::optional<Identity> FindIdentity(const std::string& path);

// Makes the folders above a file durable. A file survives a power cut only if each folder on the
// way to it does, and a folder does once its parent was fsynced after it was created. Another
// process may have created it and died before that fsync, so only fsyncs of this process count.
// Threads: any.
class DurableFolders {
 public:
  // Creates `folder` and its parents. Folders known to exist are not checked again.
  Status Make(const std::string& folder);
  // Clears the cache of existing folders: call it when one may have been removed.
  void Forget();
  // Fsyncs `folder`, and the parent of each folder up to the root that this process has not yet
  // made durable. Skips folders that this user may not open. Cost: one fsync, and one per level the
  // first time.
  //   kCorruption  WH7011 an fsync failed. It may be retried: unlike the pages of a file, the
  //   journal's state of folders is not dropped by a failed fsync
  Status Sync(const std::string& folder);

 private:
  Status MakeUnknown(const std::string& folder);
  bool Knows(const std::string& folder, const std::optional<Identity>& identity);

  std::mutex mutex_;
  std::set<std::string, std::less<>> existing_;
  std::map<std::string, Identity, std::less<>> durable_;
};

// Files whose fsync failed. The kernel may have dropped their dirty pages and marked them clean, so
// a second fsync succeeds and proves nothing (Rebello et al., "Can Applications Recover from fsync
// Failures?", ATC 2020). Each file is remembered by this process and, if the file system supports
// attributes, with the file itself until the machine restarts: a restart empties the page cache, so
// what is read then is what the disk holds. Threads: any.
class FailedSyncs {
 public:
  void Note(int fd);
  bool Contains(int fd);

 private:
  std::mutex mutex_;
  std::set<Identity> identities_;
};

// 0, or the errno of the fsync.
int SyncRetrying(int fd);
Status SyncFailed(int error, const std::string& path);
// Fsyncs a file by name.
//   kCorruption  the fsync failed now (WH7011) or earlier (WH7034): write the bytes to a new file
Status SyncFile(const std::string& path, FailedSyncs& failed);

std::string ParentFolder(const std::string& path);
}  // namespace weirhouse::platform
