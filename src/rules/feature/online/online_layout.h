// The bytes of the online store.
//
// Integers are big-endian; times are int64 microseconds with the sign bit flipped, so that bytes
// order as times do; ~ = all bits inverted, so that the newest comes first.
//
// Keys
//   row      'F' | u16 view id size | view id | u32 generation | u32 entity size | entity
//            | ~event time (8) | ~known time (8) | row key | digest (32)
//   version  'K' | u16 view id size | view id | u32 generation | row key
//   gap      'G' | u16 view id size | view id | u32 generation | entity
//   marker   'S' | u16 view id size | view id
// Rows and version lists of a view belong to the generation that its marker names. A full
// replacement is written as the next generation, which becomes the view's with the marker.
// A gap marks an entity whose kept older row left or was hidden: the row before it was not kept.
// Keys that begin with 'R', 'V' or 'M' are of an earlier layout without generations: removed.
//
// The digest is part of the key so that a key names exactly one version: applying again changes
// nothing, and two versions known at the same instant do not overwrite each other.
//
// Value of a row
//   0   u8   format, 1
//   1   u8   1 = a delete version
//   2   u16  n, number of values
//   4   i64  hidden_at: the known time of the next version of this table key; max = never
//   12  ⌈n/8⌉ bytes   bit i set = value i is present
//   …   n × 8 bytes   boolean, integer, timestamp, bits of a number; for strings and decimals u32
//                     offset into the tail and u32 size
//   …   tail
// Value of a version list: per version of this table key
//   u32 entity size | entity | i64 event time | i64 known time | digest (32)
// Value of a marker
//   i64 applied commit sequence | u8 evicted? | i64 evicted before | u32 generation
//   | i64 snapshot of the feature table whose rows these are
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/online/backend.h"
#include "rules/feature/online/online_store.h"

namespace weirhouse::feature {

// One version of a table key, as in the version list.
struct StoredVersion {
  std::string entity;
  std::int64_t event_time = 0;
  std::int64_t known_time = 0;
  Digest digest;

  // The order of the collapse.
  friend bool operator<(const StoredVersion& a, const StoredVersion& b) {
    if (a.known_time != b.known_time) return a.known_time < b.known_time;
    if (a.digest != b.digest) return a.digest < b.digest;
    return a.event_time < b.event_time;
  }
  friend bool operator==(const StoredVersion&, const StoredVersion&) = default;

  // The key of its row, whose table key is `row_key`; both must outlive the result.
  OnlineRowKey KeyFor(std::string_view row_key) const {
    return {entity, event_time, known_time, row_key, digest.view()};
  }
};

inline constexpr char kRowKind = 'F';
inline constexpr char kVersionKind = 'K';
inline constexpr char kGapKind = 'G';
inline constexpr char kMarkerKind = 'S';
// The prefix of all generations of a view; for a marker its key.
std::string ViewPrefix(char kind, const std::string& view_id);

std::string PlacePrefix(char kind, const ViewPlace& place);
std::string EntityPrefix(const ViewPlace& place, std::string_view entity);
// Appended to an entity's prefix: where rows at `event_time` begin.
void AppendNewestFirst(std::int64_t time, std::string* key);
std::string RowKeyOf(const ViewPlace& place, const OnlineRowKey& key);
std::string VersionListKey(const ViewPlace& place, std::string_view row_key);
std::string GapKey(const ViewPlace& place, std::string_view entity);
// The smallest string greater than all that begin with `prefix`.
std::string AfterPrefix(std::string prefix);

// `prefix_size` = size of PlacePrefix(kRowKind, …).
Result<OnlineRowKey> ParseRowKey(std::string_view key, std::size_t prefix_size);

inline constexpr std::size_t kHiddenAtOffset = 4;
void SetHiddenAt(std::int64_t hidden_at, std::string* value);
Result<std::int64_t> HiddenAtOf(std::string_view value);
// The value of row `row`, hidden_at included.
std::string EncodeRow(const FeatureRows& rows, std::size_t row, std::int64_t hidden_at);
// Appends a stored row to `rows`, whose value columns are those of `plan`. WH4014 if unreadable.
Status DecodeRow(const ViewPlan& plan, const OnlineRowKey& key, std::string_view value,
                 FeatureRows* rows);

std::string EncodeVersions(const std::vector<StoredVersion>& versions);
Result<std::vector<StoredVersion>> DecodeVersions(std::string_view bytes);

std::string EncodeMarker(const OnlineMarker& marker);
Result<OnlineMarker> DecodeMarker(std::string_view bytes);

void AppendInt(std::uint64_t value, int bytes, std::string* out);
std::uint64_t ReadInt(std::string_view bytes, std::size_t offset, int count);
Status UnreadableRow(std::string_view what);
}  // namespace weirhouse::feature
