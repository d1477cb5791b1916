#include "work/landing/landing_walk.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <tuple>
#include <utility>

#include "ground/base/text.h"
#include "work/landing/landed_file.h"
#include "work/landing/landing_name.h"

namespace weirhouse::landing {
namespace {
using platform::Entry;
using platform::EntryKind;
using platform::OpenFolder;

constexpr std::size_t kEntriesAtOnce = 1024;
constexpr int kFolderDepthMax = 16;
// Names and places are keys in the catalog, and PostgreSQL's index entries hold at most 2,704
// bytes.
constexpr std::size_t kNameBytesMax = 1024;
constexpr std::size_t kPathBytesMax = 2048;

bool IsNamedLikeAFile(std::string_view name) {
  constexpr std::string_view kEndings[] = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".gz"};
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

bool IsSomething(const std::string& path) {
  std::error_code error;
  const auto type = std::filesystem::symlink_status(path, error).type();
  return !error && type != std::filesystem::file_type::not_found;
}

std::string WhyUnreadable(const Status& status) {
  return status.code() == Code::kPermissionDenied
             ? "this user may not read it"
             : fmt::format("it cannot be read: {}", EscapeControl(TextOfName(status.message())));
}

std::int64_t NanosOf(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The record of this very file, if the catalog has one.
const catalog::LandingRecord* RecordOf(
    const std::unordered_map<std::string, catalog::LandingRecord>& known, const std::string& path,
    const Entry& entry) {
  const auto found = path.empty() ? known.end() : known.find(path);
  if (found == known.end()) return nullptr;
  const catalog::LandingRecord& record = found->second;
  const bool same = record.size_bytes == entry.size_bytes && record.mtime_us == entry.mtime_us() &&
                    record.inode == entry.inode &&
                    (record.ctime_us == 0 || record.ctime_us == entry.ctime_us());
  return same ? &record : nullptr;
}

int DepthOf(std::string_view place) {
  return place.empty() ? 0 : 1 + static_cast<int>(std::count(place.begin(), place.end(), '/'));
}

std::string_view FolderOfPlace(std::string_view place) {
  const auto slash = place.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : place.substr(0, slash);
}
std::string_view NameInFolder(std::string_view place) { return place.substr(place.rfind('/') + 1); }

std::string PrefixOf(const std::string& place) { return place.empty() ? "" : place + "/"; }
}  // namespace

bool IsSkipped(std::string_view name) {
  return name.empty() || name[0] == '.' || name.ends_with(".tmp") || name.ends_with(".part");
}

void Walk::GoOn(FolderCursor& cursor, std::size_t entries_max) {
  if (!cursor.begun) {
    cursor.begun = true;
    cursor.folders.emplace_back();
  }
  for (std::size_t seen = 0; seen < entries_max && problem_.ok() && !cursor.at_end();) {
    if (!cursor.listing && !Open(cursor)) continue;
    auto entries = cursor.listing->Next(kEntriesAtOnce);
    const bool last = !entries.ok() || entries->size() < kEntriesAtOnce;
    if (entries.ok()) {
      seen += entries->size();
      Take(*cursor.folder, PrefixOf(cursor.place), *entries, cursor.folders);
    } else {
      Refuse(cursor.place, WhyUnreadable(entries.status()));
    }
    if (!last) continue;
    cursor.listing.reset();
    cursor.folder.reset();
  }
}

// Opens the next folder of the cursor; false if it cannot be listed.
bool Walk::Open(FolderCursor& cursor) {
  cursor.place = std::move(cursor.folders.back());
  cursor.folders.pop_back();
  auto root = OpenFolder::Open(rule_.folder);
  if (!root.ok()) {
    if (!cursor.place.empty()) return false;  // it has just gone
    if (root.status().code() != Code::kNotFound) {
      Refuse("", WhyUnreadable(root.status()));
    } else if (IsSomething(rule_.folder)) {
      Refuse("", "it is neither a folder nor a link to one");
    }
    return false;
  }
  auto folder = root->Walk(cursor.place);
  const auto refuse = [&](const Status& status) {
    if (status.code() != Code::kNotFound) Refuse(cursor.place, WhyUnreadable(status));
    return false;
  };
  if (!folder.ok()) return refuse(folder.status());
  auto listing = folder->Begin();
  if (!listing.ok()) return refuse(listing.status());
  cursor.folder = std::move(folder).value();
  cursor.listing = std::move(listing).value();
  return true;
}

void Walk::LookAt(const std::set<std::string>& places) {
  if (places.empty()) return;
  const auto root = OpenFolder::Open(rule_.folder);
  if (!root.ok()) return;  // who lists it all reports that
  FolderCursor below;
  below.begun = true;
  // Neighbours come one after the other.
  for (auto place = places.begin(); place != places.end() && problem_.ok();) {
    const std::string parent(FolderOfPlace(*place));
    const auto folder = root->Walk(parent);
    std::vector<Entry> entries;
    for (; place != places.end() && FolderOfPlace(*place) == parent; ++place) {
      if (!folder.ok() || place->empty() || entries.size() == kEntriesAtOnce) {
        if (entries.size() == kEntriesAtOnce) break;
        continue;
      }
      auto entry = folder->Look(std::string(NameInFolder(*place)));
      if (entry.ok()) {
        entries.push_back(std::move(entry).value());
      } else if (entry.status().code() != Code::kNotFound) {
        Refuse(*place, WhyUnreadable(entry.status()));
      }
    }
    if (folder.ok()) {
      Take(*folder, PrefixOf(parent), entries, below.folders);
    } else if (folder.status().code() != Code::kNotFound) {
      Refuse(parent, WhyUnreadable(folder.status()));
    }
  }
  GoOn(below, kNoLimit);
}

Result<Landing> Walk::Finish() {
  WatchFilesOfTheFuture();
  std::sort(landing_.complete.begin(), landing_.complete.end(),
            [](const LandedFile& a, const LandedFile& b) {
              return std::tie(a.batch, a.source, a.name) < std::tie(b.batch, b.source, b.name);
            });
  const auto by_name = [](const LandedFile& a, const LandedFile& b) { return a.name < b.name; };
  std::sort(landing_.incomplete.begin(), landing_.incomplete.end(), by_name);
  std::sort(landing_.unmatched.begin(), landing_.unmatched.end(), by_name);
  std::sort(landing_.untaken.begin(), landing_.untaken.end());
  std::sort(landing_.aside.begin(), landing_.aside.end());
  WEIRHOUSE_TRY_STATUS(problem_);
  return std::move(landing_);
}

// Asks the catalog for some files, so that files elsewhere, or gone since, cost nothing. `paths` has
// a path for each entry that is a file to look at, and else an empty text.
Walk::Known Walk::Recall(const std::vector<std::string>& paths) {
  std::vector<std::string> asked;
  asked.reserve(paths.size());
  for (const std::string& path : paths)
    if (!path.empty()) asked.push_back(path);
  Known known;
  auto found = catalog_.FindLandings(asked);
  if (!found.ok()) {
    if (problem_.ok()) problem_ = found.status();
    return known;
  }
  known.reserve(found->size());
  for (catalog::LandingRecord& record : *found) {
    if (record.source != rule_.source) continue;
    std::string path = record.path;
    known.insert_or_assign(std::move(path), std::move(record));
  }
  return known;
}

void Walk::Take(const OpenFolder& folder, const std::string& prefix,
                const std::vector<Entry>& entries, std::vector<std::string>& below) {
  std::vector<std::string> paths(entries.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Entry& entry = entries[i];
    if (entry.kind == EntryKind::kFile && !IsSkipped(entry.name))
      paths[i] = TextOfName(rule_.folder + "/" + prefix + entry.name);
  }
  const Known known = Recall(paths);
  if (!problem_.ok()) return;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Entry& entry = entries[i];
    const catalog::LandingRecord* record = RecordOf(known, paths[i], entry);
    // Most files of a folder that is never emptied: known, and left where they are.
    if (record != nullptr && !rule_.delete_after) continue;
    const std::string place = prefix + entry.name;
    if (entry.kind == EntryKind::kFolder) {
      TakeFolder(entry, place, below);
    } else if (IsSkipped(entry.name)) {
      continue;
    } else if (entry.kind == EntryKind::kFile) {
      Consider(folder, entry, place, std::move(paths[i]), record);
    } else {
      Refuse(place, fmt::format("it is {}{}", platform::EntryKindName(entry.kind),
                                entry.kind == EntryKind::kLink
                                    ? ", and links are not followed: land the file itself"
                                    : ", not a file"));
    }
  }
}

void Walk::TakeFolder(const Entry& entry, const std::string& place,
                      std::vector<std::string>& below) {
  if (entry.name == rule_.aside_name && considered_.insert(place).second) {
    landing_.aside.push_back(place);
    unsettled_.insert(place);
  }
  if (IsSkipped(entry.name)) return;
  if (DepthOf(place) > kFolderDepthMax) {
    return Refuse(place,
                  fmt::format("it lies more than {} folders deep (WH1301)", kFolderDepthMax));
  }
  if (IsNamedLikeAFile(entry.name)) {
    Refuse(place, "it is a folder named like a file; only the files in it are taken in");
  }
  below.push_back(place);
}

void Walk::Consider(const OpenFolder& folder, const Entry& entry, const std::string& place,
                    std::string path, const catalog::LandingRecord* record) {
  if (!considered_.insert(place).second) return;
  LandedFile file;
  file.source = rule_.source;
  file.folder = rule_.folder;
  file.place = place;
  file.name = TextOfName(place);
  file.path = std::move(path);
  file.entry = entry;
  if (file.name.size() > kNameBytesMax || file.path.size() > kPathBytesMax) {
    return Refuse(place, fmt::format("its name below the landing folder is longer than {} bytes",
                                     kNameBytesMax));
  }
  const bool by_name = !rule_.batch.pattern.empty();
  auto batch = by_name ? ParseBatchName(entry.name, rule_.batch.pattern) : std::nullopt;
  if (batch) file.batch = *std::move(batch);
  unsettled_.insert(place);
  if (record != nullptr) {
    landing_.acknowledged.push_back({std::move(file), record->digest});
    return;
  }
  if (by_name && file.batch.empty()) {
    landing_.unmatched.push_back(std::move(file));
    return;
  }
  const Result<bool> whole = IsWhole(folder, entry, now_);
  if (!whole.ok()) {
    if (whole.status().code() != Code::kNotFound) Refuse(place, WhyUnreadable(whole.status()));
    return;
  }
  if (!*whole && entry.mtime_us() > Micros(now_)) future_.insert(entry.inode);
  (*whole ? landing_.complete : landing_.incomplete).push_back(std::move(file));
}

// Their times lie in the future: the clock was set back, or another machine's clock is ahead. So
// these files are watched for changes for a while, all of them at once.
void Walk::WatchFilesOfTheFuture() {
  if (future_.empty()) return;
  std::this_thread::sleep_for(std::chrono::microseconds(kQuietUs));
  std::vector<LandedFile> still;
  for (LandedFile& file : landing_.incomplete) {
    struct stat now{};
    const bool rests = future_.contains(file.entry.inode) &&
                       lstat((rule_.folder + "/" + file.place).c_str(), &now) == 0 &&
                       now.st_ino == file.entry.inode && now.st_size == file.entry.size_bytes &&
                       NanosOf(now.st_mtim) == file.entry.mtime_ns &&
                       NanosOf(now.st_ctim) == file.entry.ctime_ns;
    (rests ? landing_.complete : still).push_back(std::move(file));
  }
  landing_.incomplete = std::move(still);
}

void Walk::Refuse(std::string_view place, std::string why) {
  while (place.ends_with('/')) place.remove_suffix(1);
  unsettled_.emplace(place);
  const std::string path = place.empty() ? rule_.folder : fmt::format("{}/{}", rule_.folder, place);
  landing_.untaken.push_back({TextOfName(path), std::move(why)});
}
}  // namespace weirhouse::landing
