#include "work/landing/landing_looks.h"

#include <algorithm>
#include <string_view>

#include "work/landing/landing_walk.h"

namespace weirhouse::landing {

struct LandingLooks::Folder {
  std::string path;
  // ---- Guarded by mutex_.
  bool whole = true;             // the next look lists it all
  bool lost = false;             // changes were lost since the current look began
  bool due = false;              // the next look lists a slice
  std::set<std::string> places;  // that the next look must see
  // ---- Of the thread that lists.
  FolderCursor cursor;
  bool delete_after = false;  // of the rule when it was last listed
  std::string pattern;
};

namespace {
bool LiesIn(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

// Hidden files and folders are no landed files, nor is anything in such a folder.
bool IsNoLandedPlace(std::string_view place) {
  if (IsSkipped(place.substr(place.rfind('/') + 1))) return true;
  return place.starts_with('.') || place.find("/.") != std::string_view::npos;
}
}  // namespace

LandingLooks::LandingLooks() = default;
LandingLooks::~LandingLooks() = default;

void LandingLooks::NoteChanged(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (auto& [key, folder] : folders_) {
    if (path == folder->path || LiesIn(folder->path, path)) {
      folder->whole = folder->lost = true;
    } else if (LiesIn(path, folder->path)) {
      std::string place = path.substr(folder->path.size() + 1);
      if (IsNoLandedPlace(place)) continue;
      folder->places.insert(std::move(place));
      if (folder->places.size() <= kUnsettledMax) continue;
      folder->places.clear();
      folder->whole = folder->lost = true;
    }
  }
}

void LandingLooks::NoteLost() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, folder] : folders_) folder->whole = folder->lost = true;
}

void LandingLooks::NoteDue() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, folder] : folders_) folder->due = true;
}

std::vector<std::string> LandingLooks::Folders() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> paths;
  for (const auto& [key, folder] : folders_) paths.insert(folder->path);
  return {paths.begin(), paths.end()};
}

LandingLooks::Folder& LandingLooks::FolderOf(const LandingRule& rule) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Folder>& folder = folders_[{rule.source, rule.folder}];
  if (folder == nullptr) {
    folder = std::make_unique<Folder>();
    folder->path = rule.folder;
  }
  return *folder;
}

LandingLooks::Seen LandingLooks::Take(Folder& folder, const LandingRule& rule) {
  const std::lock_guard lock(mutex_);
  Seen seen;
  // Another rule judges known files anew.
  seen.whole = folder.whole || folder.delete_after != rule.delete_after ||
               folder.pattern != rule.batch.pattern;
  seen.places.swap(folder.places);
  if (folder.due) seen.entries = std::max(kSliceEntries / folders_.size(), kSliceEntriesLeast);
  folder.due = false;
  folder.lost = false;
  folder.whole = true;  // until this look has succeeded
  return seen;
}

Result<Landing> LandingLooks::List(const LandingRule& rule, catalog::Catalog& catalog,
                                   ProcessTime now) {
  Folder& folder = FolderOf(rule);
  const Seen seen = Take(folder, rule);
  Walk walk(rule, catalog, now);
  if (seen.whole) {
    folder.cursor = {};
    FolderCursor all;
    walk.GoOn(all, kNoLimit);
  } else {
    walk.LookAt(seen.places);
    if (folder.cursor.at_end()) folder.cursor = {};
    if (seen.entries > 0) walk.GoOn(folder.cursor, seen.entries);
  }
  WEIRHOUSE_TRY(Landing landing, walk.Finish());
  folder.delete_after = rule.delete_after;
  folder.pattern = rule.batch.pattern;
  const std::lock_guard lock(mutex_);
  folder.whole = folder.lost || walk.unsettled().size() > kUnsettledMax;
  if (!folder.whole) folder.places.insert(walk.unsettled().begin(), walk.unsettled().end());
  return landing;
}
}  // namespace weirhouse::landing
