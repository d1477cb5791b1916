#include "app/demo/malformed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ground/base/text.h"

namespace weirhouse::demo {
namespace {
constexpr std::array<std::string_view, 7> kJsonKinds = {
    "truncated", "wrong_type",   "missing_required", "out_of_range",
    "bad_value", "invalid_utf8", "duplicate_key"};
constexpr std::array<std::string_view, 6> kWeatherKinds = {
    "truncated", "wrong_type", "missing_required", "out_of_range", "bad_value", "invalid_utf8"};
constexpr std::array<std::string_view, 5> kPlaneKinds = {
    "truncated", "wrong_type", "missing_required", "out_of_range", "invalid_utf8"};
constexpr std::string_view kNotUtf8 = "\xC3\x28";

// Where the value of `name` stands in a line that JsonLine wrote, quotes included.
struct Place {
  std::size_t name = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};
Place FindValue(std::string_view record, std::string_view name) {
  Place place;
  const std::string key = fmt::format("\"{}\":", name);
  place.name = record.find(key);
  WEIRHOUSE_CHECK(place.name != std::string_view::npos);
  place.begin = place.name + key.size();
  place.end = record.find_first_of(",}", place.begin);
  return place;
}

std::string WithValue(std::string_view record, std::string_view name, std::string_view value) {
  const Place place = FindValue(record, name);
  return fmt::format("{}{}{}", record.substr(0, place.begin), value, record.substr(place.end));
}

std::string BreakJson(bool arrival, std::string_view record, std::string_view kind,
                      Random& random) {
  if (kind == "truncated") {
    return std::string(record.substr(0, 1 + random.Below(record.size() - 1)));
  }
  if (kind == "wrong_type") {
    return WithValue(record, arrival ? "arr_delay" : "distance", "\"unknown\"");
  }
  if (kind == "missing_required") {
    const Place place = FindValue(record, "dest");
    return fmt::format("{}{}", record.substr(0, place.name), record.substr(place.end + 1));
  }
  if (kind == "out_of_range") {
    return WithValue(record, arrival ? "arr_delay" : "distance", arrival ? "9999" : "0");
  }
  if (kind == "bad_value") {
    return WithValue(record, arrival ? "flight_id" : "status", "\"diverted?\"");
  }
  if (kind == "invalid_utf8") {
    return WithValue(record, "origin", fmt::format("\"{}\"", kNotUtf8));
  }
  const Place place = FindValue(record, "carrier");
  return fmt::format("{},{}", record.substr(0, place.end), record.substr(place.name));
}

std::string BreakCsv(const Replay& replay, std::string_view record, std::string_view kind,
                     Random& random) {
  std::vector<std::string_view> parts = Split(record, ',');
  std::vector<std::string> fields(parts.begin(), parts.end());
  const auto field = [&](std::string_view name) -> std::string& {
    const auto at = std::find(replay.columns.begin(), replay.columns.end(), name);
    WEIRHOUSE_CHECK(at != replay.columns.end());
    return fields[static_cast<std::size_t>(at - replay.columns.begin())];
  };
  const bool weather = replay.source == "weather";
  const std::string_view key = weather ? "origin" : "tailnum";
  if (kind == "truncated") {
    fields.resize(2 + random.Below(fields.size() - 2));
  } else if (kind == "wrong_type") {
    field(weather ? "temp" : "seats") = "unknown";
  } else if (kind == "missing_required") {
    field(key) = "";
  } else if (kind == "out_of_range") {
    field(weather ? "humid" : "year") = weather ? "250" : "1492";
  } else if (kind == "bad_value") {
    field("origin") = "XXX";
  } else {
    field(key) = kNotUtf8;
  }
  return Join(fields, ",");
}
}  // namespace

std::span<const std::string_view> MalformedKinds(const Replay& replay) {
  if (replay.extension == "jsonl") return kJsonKinds;
  if (replay.source == "weather") return kWeatherKinds;
  return kPlaneKinds;
}

std::string BreakRecord(const Replay& replay, std::string_view record, std::string_view kind,
                        Random& random) {
  if (replay.extension == "jsonl") {
    return BreakJson(replay.source == "arrival", record, kind, random);
  }
  return BreakCsv(replay, record, kind, random);
}
}  // namespace weirhouse::demo
