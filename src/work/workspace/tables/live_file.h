// Which files of the lake must stay, whatever spelling names them; and the order between committing
// files and removing them.
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

// Held while a commit of another engine is judged, hashed and published, so that a file it has
// found is not removed before the commit that names it. Any number may be held at a time.
class LakeUse {
 public:
  LakeUse();

 private:
  std::shared_lock<std::shared_mutex> lock_;
};
// Held while files are removed: then no commit is under way. It waits for current commits, and new
// ones wait for it, so it is held for few files at a time.
class LakeRemoval {
 public:
  LakeRemoval();

 private:
  std::unique_lock<std::mutex> turn_;
  std::unique_lock<std::shared_mutex> lock_;
};

// The files that the catalog names and that tables reach: the canonical spelling of each, and
// device and inode of those behind a link or with several names. Threads: one.
class LiveFiles {
 public:
  // Cost: reads the catalog's file records, and the manifests of all snapshots of all tables.
  static Result<LiveFiles> Load(Workspace& workspace);
  // Loads what is needed to judge `paths`: raw objects, which may be very many, only if one of the
  // paths may be an object.
  static Result<LiveFiles> LoadFor(Workspace& workspace, const std::vector<std::string>& paths);

  // Takes any spelling, including former places of the project.
  bool Names(std::string_view path) const;
  // Whether the file at `path` is live, under this name or under another name of the same file.
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

// Removes those of `paths` that are not live, in turns with commits. Live files stay and are
// returned.
struct RemovedFiles {
  std::vector<std::string> gone;    // removed now, or gone before
  std::vector<std::string> spared;  // live under this or another name
};
Result<RemovedFiles> RemoveUnlessLive(Workspace& workspace, LiveFiles& live,
                                      const std::vector<std::string>& paths);
}  // namespace weirhouse::work
