// Which files of the lake must stay, whatever spelling names them; and the order between those who
// commit files and those who remove them.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include "ground/base/status.h"
#include "ground/platform/io/open_folder.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Held while a commit of another engine is judged, hashed and published, so that a file that it has
// found in its place is not removed before the commit that names it. Any number at a time.
class LakeUse {
 public:
  LakeUse();

 private:
  std::shared_lock<std::shared_mutex> lock_;
};
// Held while files are removed: no commit is under way then. Waits for those that are, and new ones
// wait for it, so it is held for few files at a time.
class LakeRemoval {
 public:
  LakeRemoval();

 private:
  std::unique_lock<std::mutex> turn_;
  std::unique_lock<std::shared_mutex> lock_;
};

// What the catalog's books name and what the tables reach: of each file its one spelling, and for
// those that lie behind a link or under another name, device and inode. Threads: one.
class LiveFiles {
 public:
  // Cost: reads the books, and the manifests of all snapshots that tables have.
  static Result<LiveFiles> Load(Workspace& workspace);
  // What is needed to judge `paths`: of raw objects, as many as ever came, nothing unless one of
  // them may be an object.
  static Result<LiveFiles> LoadFor(Workspace& workspace, const std::vector<std::string>& paths);

  // Any spelling, and the places where the project was before.
  bool Names(std::string_view path) const;
  // What lies at `path`, by name or as the very file that is live under another.
  bool Holds(std::string_view path, const platform::Entry& entry);
  // Adds what was committed since. Cost: the files of those commits.
  Status CatchUp(Workspace& workspace);

 private:
  LiveFiles(const platform::ObjectStore& store, CommitSeq seq) : store_(&store), seq_(seq) {}
  static Result<LiveFiles> LoadSome(Workspace& workspace, bool with_objects);
  void Add(std::string_view path);
  void LookAtInodes();
  void LookAtInode(const std::string& path);

  const platform::ObjectStore* store_;
  CommitSeq seq_;
  std::unordered_set<std::string> paths_;
  bool looked_ = false;
  std::set<std::pair<std::uint64_t, std::uint64_t>> inodes_;  // device, inode
};

// Removes `paths` that are not live (any more), in turns with those who commit. Those that are live
// stay, and are returned.
struct RemovedFiles {
  std::vector<std::string> gone;    // removed now, or before
  std::vector<std::string> spared;  // live under this or another name
};
Result<RemovedFiles> RemoveUnlessLive(Workspace& workspace, LiveFiles& live,
                                      const std::vector<std::string>& paths);
}  // namespace weirhouse::work
