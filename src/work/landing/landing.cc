#include "work/landing/landing.h"

#include <fmt/format.h>

#include "work/landing/landing_walk.h"

namespace weirhouse::landing {
namespace {
constexpr std::string_view kDatePlace = "{date}";

bool IsDate(std::string_view text) {
  return text.size() == 10 && ParseTimeMicros(text, /*zoneless_is_utc=*/true).ok();
}
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
  Walk walk(rule, catalog, now);
  FolderCursor cursor;
  walk.GoOn(cursor, kNoLimit);
  return walk.Finish();
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
