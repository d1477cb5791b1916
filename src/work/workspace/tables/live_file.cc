#include "work/workspace/tables/live_file.h"

#include <sys/stat.h>

#include <algorithm>

#include "ground/base/failpoint.h"
#include "ground/iceberg/read/reachable.h"
#include "ground/platform/io/location.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kRemovedAtOnce = 256;

struct Gate {
  std::mutex turn;  // held by a remover that waits, so that new commits do not overtake it
  std::shared_mutex use;
};
Gate& TheGate() {
  static Gate gate;
  return gate;
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// An object's name is its digest, so only a path with that name, or a file with more than one name,
// can be the object.
bool MayBeObject(const platform::ObjectStore& store, std::string_view path) {
  constexpr std::size_t kDigestDigits = 64;
  const std::string place = store.Spelling(path);
  if (place.size() - (place.rfind('/') + 1) == kDigestDigits) return true;
  struct stat found{};
  return lstat(place.c_str(), &found) == 0 && found.st_nlink > 1;
}

// The entry at `path` itself, its last link not followed; nothing if it does not exist.
Result<std::optional<platform::Entry>> LookAt(const std::string& path) {
  const auto folder = platform::OpenFolder::Open(FolderOf(path));
  if (!folder.ok()) {
    if (folder.status().code() == Code::kNotFound) return std::optional<platform::Entry>();
    return folder.status();
  }
  auto entry = folder->Look(path.substr(path.rfind('/') + 1));
  if (entry.ok()) return std::optional(std::move(entry).value());
  if (entry.status().code() == Code::kNotFound) return std::optional<platform::Entry>();
  return entry.status();
}
}  // namespace

LakeUse::LakeUse() {
  const std::lock_guard turn(TheGate().turn);
  lock_ = std::shared_lock(TheGate().use);
}
LakeRemoval::LakeRemoval() : turn_(TheGate().turn), lock_(TheGate().use) {}

Result<LiveFiles> LiveFiles::Load(Workspace& workspace) {
  return LoadSome(workspace, /*with_objects=*/true);
}

Result<LiveFiles> LiveFiles::LoadFor(Workspace& workspace, const std::vector<std::string>& paths) {
  return LoadSome(workspace, std::ranges::any_of(paths, [&](const std::string& path) {
                    return MayBeObject(workspace.store(), path);
                  }));
}

Result<LiveFiles> LiveFiles::LoadSome(Workspace& workspace, bool with_objects) {
  catalog::Catalog& catalog = workspace.catalog();
  // Read first, so that commits made meanwhile are read again rather than missed.
  WEIRHOUSE_TRY(const CommitSeq seq, catalog.LastSeq());
  LiveFiles live(workspace.store(), seq);
  WEIRHOUSE_TRY(const auto files, catalog.Files(std::nullopt));
  for (const catalog::FileRecord& file : files) live.Add(file.path);
  if (with_objects) {
    WEIRHOUSE_TRY(const auto objects, catalog.Objects({}));
    for (const catalog::ObjectRecord& object : objects) live.Add(object.path);
  }
  WEIRHOUSE_TRY(const auto pointers, catalog.Tables());
  for (const catalog::TablePointer& pointer : pointers) {
    live.Add(pointer.metadata_location);
    if (pointer.kind != catalog::PointerKind::kTable) continue;
    WEIRHOUSE_TRY(const iceberg::TablePtr table,
                  iceberg::LoadTable(workspace.store(), pointer.name, pointer.metadata_location));
    WEIRHOUSE_TRY(const auto reachable, iceberg::ReachableFiles(workspace.store(), *table));
    for (const std::string& path : reachable) live.Add(path);
  }
  return live;
}

Status LiveFiles::CatchUp(Workspace& workspace) {
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  if (last == seq_) return Status();
  WEIRHOUSE_TRY(const auto files, workspace.catalog().FilesSince(seq_));
  for (const catalog::FileRecord& file : files) {
    Add(file.path);
    if (looked_) LookAtInode(store_->Spelling(file.path));
  }
  seq_ = last;
  return Status();
}

void LiveFiles::Add(std::string_view path) {
  paths_.insert(store_->Spelling(path));
  // Some clients decode percent signs in names, others do not.
  if (path.find('%') != std::string_view::npos)
    paths_.insert(store_->Spelling(platform::DecodedPath(path)));
}

bool LiveFiles::Names(std::string_view path) const {
  return paths_.contains(store_->Spelling(path));
}

bool LiveFiles::Holds(std::string_view path, const platform::Entry& entry) {
  if (Names(path)) return true;
  if (!looked_) LookAtInodes();
  return inodes_.contains({entry.device, entry.inode});
}

void LiveFiles::LookAtInodes() {
  looked_ = true;
  for (const std::string& path : paths_) LookAtInode(path);
}
void LiveFiles::LookAtInode(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) == 0) inodes_.emplace(found.st_dev, found.st_ino);
}

Result<RemovedFiles> RemoveUnlessLive(Workspace& workspace, LiveFiles& live,
                                      const std::vector<std::string>& paths) {
  RemovedFiles removed;
  for (std::size_t first = 0; first < paths.size(); first += kRemovedAtOnce) {
    const LakeRemoval removal;
    WEIRHOUSE_TRY_STATUS(live.CatchUp(workspace));
    const std::size_t end = std::min(paths.size(), first + kRemovedAtOnce);
    for (std::size_t i = first; i < end; ++i) {
      const std::string path = workspace.store().Spelling(paths[i]);
      WEIRHOUSE_TRY(const std::optional<platform::Entry> entry, LookAt(path));
      if (entry && live.Holds(path, *entry)) {
        removed.spared.push_back(paths[i]);
        continue;
      }
      WEIRHOUSE_FAILPOINT("upkeep.remove");
      if (entry) WEIRHOUSE_TRY_STATUS(workspace.store().Delete(path));
      removed.gone.push_back(paths[i]);
    }
  }
  return removed;
}
}  // namespace weirhouse::work
