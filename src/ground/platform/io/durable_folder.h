// What a power cut keeps of names, and which files an fsync cannot be believed about.
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

// One file or folder for as long as it exists: an inode's number is given away again, its time of
// birth with it is not, but for the few milliseconds in which the kernel's clock stands still.
struct Identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;
  friend auto operator<=>(const Identity&, const Identity&) = default;
};
// Absent if nothing is there, or the file system keeps no time of birth.
std::optional<Identity> IdentityOf(int fd);
std::optional<Identity> IdentityOf(const std::string& path);

// The folders above files. A file is kept by a power cut only if each folder on the way to it is,
// and a folder is once its parent was fsynced after it was made: by whomever, a client or an
// earlier process that died. So nothing is believed but what this process has fsynced itself.
// Threads: any.
class DurableFolders {
 public:
  // Makes `folder` with its parents. What is known to exist is not asked for again.
  Status Make(const std::string& folder);
  // Something was removed behind the cache: every answer must be found anew.
  void Forget();
  // Fsyncs `folder`, and the parent of each folder up to the root that this process does not know
  // to be durable. Folders of others that may not be opened are left out. Cost: one fsync, and one
  // for each level the first time.
  //   kCorruption  WH7011 an fsync failed. It may be tried again: what a journal keeps of folders
  //                is not dropped by a failure, as the pages of a file are
  Status Sync(const std::string& folder);

 private:
  Status MakeUnknown(const std::string& folder);
  bool Knows(const std::string& folder, const std::optional<Identity>& identity);

  std::mutex mutex_;
  std::set<std::string, std::less<>> existing_;
  std::map<std::string, Identity, std::less<>> durable_;
};

// Files whose fsync failed. The kernel may have dropped their dirty pages and called them clean: a
// second fsync then succeeds and proves nothing. Each is remembered, by this process and, where the
// file system keeps attributes, with the file itself until the machine starts anew (which empties
// the page cache, so that what is read then is what the disk holds). Threads: any.
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
//   kCorruption  WH7011 it failed, now or before (WH7034): the bytes must be written to a new file
Status SyncFile(const std::string& path, FailedSyncs& failed);

std::string FolderOf(const std::string& path);
}  // namespace weirhouse::platform
