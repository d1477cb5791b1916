#include "raw/landing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/text.h"

namespace weirhouse::raw {
namespace {
constexpr std::int64_t kQuietUs =
    2'000'000;  // unchanged this long counts as closed where leases are refused
constexpr int kFolderDepthMax = 16;
constexpr std::string_view kDatePlace = "{date}";

bool IsSkipped(std::string_view name) {
  return name.empty() || name[0] == '.' || name.ends_with(".tmp") || name.ends_with(".part");
}

// True if no process has `path` open for writing. A read lease is granted only then (fcntl(2),
// F_SETLEASE). A file that may not be read counts as whole: reading it says why, where waiting for
// it would say nothing.
bool IsWhole(const std::string& path, std::int64_t mtime_us, ProcessTime now) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return errno == EACCES;
  const bool leased = fcntl(file, F_SETLEASE, F_RDLCK) == 0;
  const int reason = errno;
  if (leased) fcntl(file, F_SETLEASE, F_UNLCK);
  close(file);
  if (leased) return true;
  if (reason == EAGAIN) return false;  // somebody writes
  return Micros(now) - mtime_us >= kQuietUs;
}

bool IsDate(std::string_view text) {
  return text.size() == 10 && ParseTimeMicros(text, /*zoneless_is_utc=*/true).ok();
}
}  // namespace

std::optional<std::string> BatchOfName(std::string_view name, std::string_view pattern) {
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

std::optional<EventTime> EndOfBatch(std::string_view batch) {
  if (!IsDate(batch)) return std::nullopt;
  return EventTimeOfMicros(ParseTimeMicros(batch, true).value()) + std::chrono::hours(24);
}

Result<Landing> ListLanding(storage::Disk& disk, const LandingRule& rule, catalog::Catalog& catalog,
                            ProcessTime now) {
  WEIRHOUSE_TRY(const std::vector<catalog::LandingRecord> known, catalog.Landings(rule.source));
  std::map<std::string, const catalog::LandingRecord*> seen;
  for (const catalog::LandingRecord& record : known) seen[record.path] = &record;

  Landing landing;
  std::function<Status(const std::string&, const std::string&, int)> walk =
      [&](const std::string& folder, const std::string& prefix, int depth) -> Status {
    if (depth > kFolderDepthMax) {
      return Status(Code::kInvalidInput, fmt::format("landing folder is nested deeper than {}: {}",
                                                     kFolderDepthMax, folder))
          .WithError("WH1301");
    }
    auto entries = disk.List(folder);
    if (!entries.ok())
      return entries.status().code() == Code::kNotFound ? Status() : entries.status();
    for (const storage::FileInfo& info : *entries) {
      const std::string base = info.path.substr(info.path.rfind('/') + 1);
      if (IsSkipped(base)) continue;
      if (info.is_folder) {
        WEIRHOUSE_TRY_STATUS(walk(info.path, prefix + base + "/", depth + 1));
        continue;
      }
      const auto before = seen.find(info.path);
      if (before != seen.end() && before->second->size_bytes == info.size_bytes &&
          before->second->mtime_us == info.mtime_us && before->second->inode == info.inode) {
        if (rule.delete_after) {
          landing.acknowledged.push_back({rule.source, info.path, prefix + base, info.size_bytes,
                                          info.mtime_us, info.inode, ""});
        }
        continue;
      }
      LandedFile file{rule.source, info.path, prefix + base, info.size_bytes, info.mtime_us,
                      info.inode,  ""};
      if (!rule.batch.pattern.empty()) {
        auto batch = BatchOfName(base, rule.batch.pattern);
        if (!batch) {
          landing.unmatched.push_back(std::move(file));
          continue;
        }
        file.batch = *std::move(batch);
      }
      (IsWhole(info.path, info.mtime_us, now) ? landing.complete : landing.incomplete)
          .push_back(std::move(file));
    }
    return Status();
  };
  WEIRHOUSE_TRY_STATUS(walk(rule.folder, "", 0));
  std::sort(landing.complete.begin(), landing.complete.end(),
            [](const LandedFile& a, const LandedFile& b) {
              return std::tie(a.batch, a.source, a.name) < std::tie(b.batch, b.source, b.name);
            });
  return landing;
}

std::string ObjectPath(const std::string& lake, const std::string& source, ProcessTime arrived_at,
                       const Digest& digest) {
  return fmt::format("{}/raw/{}/dt={}/{}", lake, source, FormatDate(Micros(arrived_at)),
                     digest.ToHex());
}
}  // namespace weirhouse::raw
