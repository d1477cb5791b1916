#include "rules/feature/online/online_layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace weirhouse::feature {
namespace {
constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;
constexpr char kRowFormat = 1;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMarkerBytes = 29;
constexpr std::size_t kDigestBytes = sizeof(Digest::bytes);

std::int64_t TimeAt(std::string_view bytes, std::size_t offset) {
  return static_cast<std::int64_t>(ReadInt(bytes, offset, 8));
}
}  // namespace

void AppendInt(std::uint64_t value, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

std::uint64_t ReadInt(std::string_view bytes, std::size_t offset, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes[offset + static_cast<std::size_t>(i)]);
  }
  return value;
}

Status UnreadableRow(std::string_view what) {
  return Status(Code::kCorruption, fmt::format("the online store has an unreadable {}", what))
      .WithError(kOnlineRowUnreadable)
      .WithHint("it is only a cache, made anew from the tables by the next command that may write");
}

std::string ViewPrefix(char kind, const std::string& view_id) {
  std::string key(1, kind);
  AppendInt(view_id.size(), 2, &key);
  return key + view_id;
}

std::string PlacePrefix(char kind, const ViewPlace& place) {
  std::string key = ViewPrefix(kind, place.view_id);
  AppendInt(place.generation, 4, &key);
  return key;
}

std::string EntityPrefix(const ViewPlace& place, std::string_view entity) {
  std::string key = PlacePrefix(kRowKind, place);
  AppendInt(entity.size(), 4, &key);
  key += entity;
  return key;
}

void AppendNewestFirst(std::int64_t time, std::string* key) {
  AppendInt(~(static_cast<std::uint64_t>(time) ^ kSignBit), 8, key);
}

std::string RowKeyOf(const ViewPlace& place, const OnlineRowKey& row) {
  std::string key = EntityPrefix(place, row.entity);
  AppendNewestFirst(row.event_time, &key);
  AppendNewestFirst(row.known_time, &key);
  key += row.row_key;
  key += row.digest;
  return key;
}

std::string VersionListKey(const ViewPlace& place, std::string_view row_key) {
  std::string key = PlacePrefix(kVersionKind, place);
  key += row_key;
  return key;
}

std::string GapKey(const ViewPlace& place, std::string_view entity) {
  std::string key = PlacePrefix(kGapKind, place);
  key += entity;
  return key;
}

std::string AfterPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

Result<OnlineRowKey> ParseRowKey(std::string_view key, std::size_t prefix_size) {
  OnlineRowKey parts;
  if (key.size() < prefix_size + 4) return UnreadableRow("key");
  const std::size_t entity_size = ReadInt(key, prefix_size, 4);
  const std::size_t times = prefix_size + 4 + entity_size;
  if (key.size() < times + 16 + kDigestBytes) return UnreadableRow("key");
  parts.entity = key.substr(prefix_size + 4, entity_size);
  parts.event_time = static_cast<std::int64_t>(~ReadInt(key, times, 8) ^ kSignBit);
  parts.known_time = static_cast<std::int64_t>(~ReadInt(key, times + 8, 8) ^ kSignBit);
  parts.row_key = key.substr(times + 16, key.size() - times - 16 - kDigestBytes);
  parts.digest = key.substr(key.size() - kDigestBytes);
  return parts;
}

void SetHiddenAt(std::int64_t hidden_at, std::string* value) {
  std::string bytes;
  AppendInt(static_cast<std::uint64_t>(hidden_at), 8, &bytes);
  value->replace(kHiddenAtOffset, 8, bytes);
}

Result<std::int64_t> HiddenAtOf(std::string_view value) {
  if (value.size() < kHeaderBytes || value[0] != kRowFormat) return UnreadableRow("row");
  return TimeAt(value, kHiddenAtOffset);
}

std::string EncodeRow(const FeatureRows& rows, std::size_t row, std::int64_t hidden_at) {
  std::string value(1, kRowFormat);
  value.push_back(static_cast<char>(rows.deleted[row]));
  AppendInt(rows.values.size(), 2, &value);
  AppendInt(static_cast<std::uint64_t>(hidden_at), 8, &value);
  std::string present((rows.values.size() + 7) / 8, '\0');
  std::string slots;
  std::string tail;
  for (std::size_t i = 0; i < rows.values.size(); ++i) {
    const ValueColumn& column = rows.values[i];
    const bool valid = column.valid[row] != 0;
    if (valid) present[i / 8] = static_cast<char>(present[i / 8] | (1 << (i % 8)));
    if (column.is_text()) {
      const std::string_view text = valid ? column.texts[row] : std::string_view();
      AppendInt(tail.size(), 4, &slots);
      AppendInt(text.size(), 4, &slots);
      tail += text;
    } else {
      AppendInt(valid ? column.bits[row] : 0, 8, &slots);
    }
  }
  return value + present + slots + tail;
}

Status DecodeRow(const ViewPlan& plan, const OnlineRowKey& key, std::string_view value,
                 FeatureRows* rows) {
  WEIRHOUSE_TRY(const std::int64_t hidden_at, HiddenAtOf(value));
  const std::size_t count = ReadInt(value, 2, 2);
  const std::size_t slots = kHeaderBytes + (count + 7) / 8;
  const std::size_t tail = slots + 8 * count;
  if (count != plan.value_types.size() || value.size() < tail) return UnreadableRow("row");
  for (std::size_t i = 0; i < count; ++i) {
    ValueColumn& column = rows->values[i];
    const std::uint64_t bits = ReadInt(value, slots + 8 * i, 8);
    if (((value[kHeaderBytes + i / 8] >> (i % 8)) & 1) == 0) {
      column.AppendNull();
    } else if (column.is_text()) {
      const std::size_t begin = tail + (bits >> 32);
      const std::size_t size = bits & 0xffffffff;
      if (begin > value.size() || value.size() - begin < size) return UnreadableRow("row");
      column.AppendText(value.substr(begin, size));
    } else {
      column.AppendBits(bits);
    }
  }
  rows->event_time.push_back(key.event_time);
  rows->known_time.push_back(key.known_time);
  rows->hidden_at.push_back(hidden_at);
  rows->deleted.push_back(value[1] != 0 ? 1 : 0);
  rows->row_key.Append(key.row_key);
  Digest digest;
  std::copy(key.digest.begin(), key.digest.end(), digest.bytes.begin());
  rows->digest.push_back(digest);
  return Status();
}

std::string EncodeVersions(const std::vector<StoredVersion>& versions) {
  std::string bytes;
  for (const StoredVersion& version : versions) {
    AppendInt(version.entity.size(), 4, &bytes);
    bytes += version.entity;
    AppendInt(static_cast<std::uint64_t>(version.event_time), 8, &bytes);
    AppendInt(static_cast<std::uint64_t>(version.known_time), 8, &bytes);
    bytes += version.digest.view();
  }
  return bytes;
}

Result<std::vector<StoredVersion>> DecodeVersions(std::string_view bytes) {
  std::vector<StoredVersion> versions;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (bytes.size() - at < 4) return UnreadableRow("version list");
    const std::size_t size = ReadInt(bytes, at, 4);
    if (bytes.size() - at < 4 + size + 16 + kDigestBytes) return UnreadableRow("version list");
    StoredVersion version;
    version.entity = std::string(bytes.substr(at + 4, size));
    at += 4 + size;
    version.event_time = TimeAt(bytes, at);
    version.known_time = TimeAt(bytes, at + 8);
    const std::string_view digest = bytes.substr(at + 16, kDigestBytes);
    std::copy(digest.begin(), digest.end(), version.digest.bytes.begin());
    at += 16 + kDigestBytes;
    versions.push_back(std::move(version));
  }
  return versions;
}

std::string EncodeMarker(const OnlineMarker& marker) {
  std::string bytes;
  AppendInt(static_cast<std::uint64_t>(marker.applied), 8, &bytes);
  bytes.push_back(marker.evicted_before ? 1 : 0);
  AppendInt(static_cast<std::uint64_t>(marker.evicted_before.value_or(0)), 8, &bytes);
  AppendInt(marker.generation, 4, &bytes);
  AppendInt(static_cast<std::uint64_t>(marker.snapshot), 8, &bytes);
  return bytes;
}

Result<OnlineMarker> DecodeMarker(std::string_view bytes) {
  if (bytes.size() != kMarkerBytes) return UnreadableRow("marker");
  OnlineMarker marker;
  marker.applied = TimeAt(bytes, 0);
  if (bytes[8] != 0) marker.evicted_before = TimeAt(bytes, 9);
  marker.generation = static_cast<std::uint32_t>(ReadInt(bytes, 17, 4));
  marker.snapshot = TimeAt(bytes, 21);
  return marker;
}
}  // namespace weirhouse::feature
