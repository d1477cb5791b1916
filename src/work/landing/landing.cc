#include "work/landing/landing.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>
#include <unordered_map>

#include "ground/base/text.h"
#include "work/landing/landed_file.h"
#include "work/landing/landing_name.h"

namespace weirhouse::landing {
namespace {
using platform::Entry;
using platform::EntryKind;
using platform::OpenFolder;

constexpr int kFolderDepthMax = 16;
// Names and places are keys in the catalog, and PostgreSQL's index entries hold at most 2,704
// bytes.
constexpr std::size_t kNameBytesMax = 1024;
constexpr std::size_t kPathBytesMax = 2048;
constexpr std::string_view kDatePlace = "{date}";

bool IsSkipped(std::string_view name) {
  return name.empty() || name[0] == '.' || name.ends_with(".tmp") || name.ends_with(".part");
}

bool IsDate(std::string_view text) {
  return text.size() == 10 && ParseTimeMicros(text, /*zoneless_is_utc=*/true).ok();
}

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

// One walk through a landing folder.
class Walk {
 public:
  Walk(const LandingRule& rule, catalog::Catalog& catalog, ProcessTime now)
      : rule_(rule), catalog_(catalog), now_(now) {}

  Result<Landing> Run() {
    auto root = OpenFolder::Open(rule_.folder);
    if (root.ok()) {
      Look(*root, "", 0);
    } else if (root.status().code() != Code::kNotFound) {
      Refuse("", WhyUnreadable(root.status()));
    } else if (IsSomething(rule_.folder)) {
      Refuse("", "it is neither a folder nor a link to one");
    }
    WatchFilesOfTheFuture();
    std::sort(landing_.complete.begin(), landing_.complete.end(),
              [](const LandedFile& a, const LandedFile& b) {
                return std::tie(a.batch, a.source, a.name) < std::tie(b.batch, b.source, b.name);
              });
    WEIRHOUSE_TRY_STATUS(problem_);
    return std::move(landing_);
  }

 private:
  // The files of one folder that the catalog knows, by their paths.
  using Known = std::unordered_map<std::string, catalog::LandingRecord>;

  // Asks the catalog for the files of one folder, so that files elsewhere, or gone since, cost
  // nothing. `paths` has a path for each entry that is a file to look at, and else an empty text.
  Known Recall(const std::vector<std::string>& paths) {
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

  void Look(const OpenFolder& folder, const std::string& prefix, int depth) {
    const auto entries = folder.List();
    if (!entries.ok()) return Refuse(prefix, WhyUnreadable(entries.status()));
    std::vector<std::string> paths(entries->size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const Entry& entry = (*entries)[i];
      if (entry.kind == EntryKind::kFile && !IsSkipped(entry.name))
        paths[i] = TextOfName(rule_.folder + "/" + prefix + entry.name);
    }
    const Known known = Recall(paths);
    if (!problem_.ok()) return;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const Entry& entry = (*entries)[i];
      const catalog::LandingRecord* record = RecordOf(known, paths[i], entry);
      // Most files of a folder that is never emptied: known, and left where they are.
      if (record != nullptr && !rule_.delete_after) continue;
      const std::string place = prefix + entry.name;
      if (entry.kind == EntryKind::kFolder && entry.name == rule_.aside_name) {
        landing_.aside.push_back(place);
      }
      if (IsSkipped(entry.name)) continue;
      if (entry.kind == EntryKind::kFolder) {
        Descend(folder, entry, place, depth);
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

  void Descend(const OpenFolder& folder, const Entry& entry, const std::string& place, int depth) {
    if (depth == kFolderDepthMax) {
      return Refuse(place,
                    fmt::format("it lies more than {} folders deep (WH1301)", kFolderDepthMax));
    }
    if (IsNamedLikeAFile(entry.name)) {
      Refuse(place, "it is a folder named like a file; only the files in it are taken in");
    }
    auto below = folder.Enter(entry.name);
    if (below.ok()) return Look(*below, place + "/", depth + 1);
    if (below.status().code() != Code::kNotFound) Refuse(place, WhyUnreadable(below.status()));
  }

  void Consider(const OpenFolder& folder, const Entry& entry, const std::string& place,
                std::string path, const catalog::LandingRecord* record) {
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

  // The record of this very file, if the catalog has one.
  static const catalog::LandingRecord* RecordOf(const Known& known, const std::string& path,
                                                const Entry& entry) {
    const auto found = path.empty() ? known.end() : known.find(path);
    if (found == known.end()) return nullptr;
    const catalog::LandingRecord& record = found->second;
    const bool same = record.size_bytes == entry.size_bytes &&
                      record.mtime_us == entry.mtime_us() && record.inode == entry.inode &&
                      (record.ctime_us == 0 || record.ctime_us == entry.ctime_us());
    return same ? &record : nullptr;
  }

  // Their times lie in the future: the clock was set back, or another machine's clock is ahead. So
  // these files are watched for changes for a while, all of them at once.
  void WatchFilesOfTheFuture() {
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

  void Refuse(std::string_view place, std::string why) {
    while (place.ends_with('/')) place.remove_suffix(1);
    const std::string path =
        place.empty() ? rule_.folder : fmt::format("{}/{}", rule_.folder, place);
    landing_.untaken.push_back({TextOfName(path), std::move(why)});
  }

  const LandingRule& rule_;
  catalog::Catalog& catalog_;
  const ProcessTime now_;
  Status problem_;                  // an error of the catalog
  std::set<std::uint64_t> future_;  // inodes of incomplete files that must be watched
  Landing landing_;
};
}  // namespace

std::optional<std::string> ParseBatchName(std::string_view name, std::string_view pattern) {
  const auto place = pattern.find(kDatePlace);
  if (place == std::string_view::npos) return std::nullopt;
  const std::string_view before = pattern.substr(0, place);
  for (std::size_t at = name.find(before); at != std::string_view::npos;
       at = name.find(before, at + 1)) {
    const std::string_view date = name.substr(at + before.size(), 10);
    if (IsDate(date)) return std::string(date);
    if (before.empty() && at + 1 >= name.size()) break;
  }
  return std::nullopt;
}

std::optional<EventTime> ParseBatchEnd(std::string_view batch) {
  if (!IsDate(batch)) return std::nullopt;
  return EventTimeOfMicros(ParseTimeMicros(batch, true).value()) + std::chrono::hours(24);
}

Result<Landing> ListLanding(const LandingRule& rule, catalog::Catalog& catalog, ProcessTime now) {
  return Walk(rule, catalog, now).Run();
}

std::string AsideName(std::string_view project_root) {
  return ".weirhouse-aside-" + Sha256Of(project_root).ToHex().substr(0, 8);
}

std::string ObjectPath(const std::string& lake, const std::string& source, ProcessTime arrived_at,
                       const Digest& digest) {
  return fmt::format("{}/raw/{}/dt={}/{}", lake, source, FormatDate(Micros(arrived_at)),
                     digest.ToHex());
}
}  // namespace weirhouse::landing
