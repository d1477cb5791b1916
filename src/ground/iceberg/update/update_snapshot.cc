// Updates of snapshots and refs: metadata_builder.h.
#include <fmt/format.h>

#include <charconv>

#include "ground/iceberg/update/metadata_builder.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;  // how far clocks of different machines may differ
// Each snapshot takes the next number; skipping many would leave none for others.
constexpr std::int64_t kSequenceNumbersSkippedMax = 1'000'000;

Status Conflict(const RequestPlace& place, std::string_view why) {
  return Status(Code::kConflict, fmt::format("{}: {}", place.context, why))
      .WithError("WH7066")
      .WithHint("load the table again and repeat the change on its new state");
}

// The integer of `key` in metadata that we do not interpret; 0 if it is absent.
std::int64_t NumberUnder(const std::map<std::string, std::string>& keys, const std::string& key) {
  const auto it = keys.find(key);
  if (it == keys.end()) return 0;
  const std::string& text = it->second;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

bool HasSchema(const TableMetadata& metadata, int schema_id) {
  return std::any_of(metadata.schemas.begin(), metadata.schemas.end(),
                     [&](const Schema& schema) { return schema.schema_id == schema_id; });
}

Snapshot NewSnapshot(const AddSnapshot& added) {
  Snapshot snapshot;
  snapshot.id = added.id;
  snapshot.parent = added.parent;
  snapshot.sequence_number = added.sequence_number.value_or(0);
  snapshot.timestamp_ms = added.timestamp_ms;
  snapshot.manifest_list = added.manifest_list;
  snapshot.schema_id = added.schema_id.value_or(-1);
  snapshot.summary = added.summary;
  if (added.first_row_id) snapshot.other_keys["first-row-id"] = std::to_string(*added.first_row_id);
  if (added.added_rows) snapshot.other_keys["added-rows"] = std::to_string(*added.added_rows);
  return snapshot;
}
}  // namespace

void MetadataBuilder::Apply(const AddSnapshot& update, RequestPlace& place) {
  if (next_.schemas.empty()) {
    place.Refuse("", "a snapshot needs a schema to be added before it");
  } else if (update.schema_id && !HasSchema(next_, *update.schema_id)) {
    place.Refuse("snapshot.schema-id",
                 fmt::format("is {}, but the table has no such schema", *update.schema_id));
  }
  if (snapshot_ids_.contains(update.id)) {
    place.Fail(
        Conflict(place, fmt::format("the table already has snapshot {}", update.id.value())));
  }
  if (update.timestamp_ms > now_ms_ + kMinuteMs) {
    place.Refuse(
        "snapshot.timestamp-ms",
        fmt::format(
            "is {}, more than a minute in the future (it is {}): the client's clock is wrong",
            update.timestamp_ms, now_ms_));
  }
  CheckSequence(update, place);
  if (next_.format_version >= 3) AddRowLineage(update, place);
  if (!place.ok()) return;
  next_.last_sequence_number =
      std::max(next_.last_sequence_number, update.sequence_number.value_or(0));
  snapshot_ids_.insert(update.id);
  added_.push_back(update.id);
  added_ids_.insert(update.id);
  next_.snapshots.push_back(NewSnapshot(update));
  changed_ = true;
}

void MetadataBuilder::CheckSequence(const AddSnapshot& snapshot, RequestPlace& place) const {
  constexpr std::string_view kPath = "snapshot.sequence-number";
  const std::int64_t number = snapshot.sequence_number.value_or(0);
  if (next_.format_version == 1) {
    if (number != 0) place.Refuse(kPath, "must be 0 in a table of version 1");
  } else if (!snapshot.sequence_number) {
    place.Refuse(kPath, "is missing");
  } else if (number <= next_.last_sequence_number && snapshot.parent) {
    place.Fail(
        Conflict(place, fmt::format("sequence number {} is not greater than the last one, {}",
                                    number, next_.last_sequence_number)));
  } else if (number - next_.last_sequence_number > kSequenceNumbersSkippedMax) {
    place.Refuse(kPath, fmt::format("is {}, too far beyond the last one, {}", number,
                                    next_.last_sequence_number));
  }
}

// Version 3 numbers the rows of the whole table: each snapshot takes the next row ids.
void MetadataBuilder::AddRowLineage(const AddSnapshot& snapshot, RequestPlace& place) {
  if (!snapshot.first_row_id) return place.Refuse("snapshot.first-row-id", "is missing");
  if (!snapshot.added_rows) return place.Refuse("snapshot.added-rows", "is missing");
  const std::int64_t first = *snapshot.first_row_id;
  const std::int64_t added = *snapshot.added_rows;
  if (!place.ok()) return;
  const std::int64_t next = NumberUnder(next_.other_keys, "next-row-id");
  if (first < next) {
    place.Fail(Conflict(
        place,
        fmt::format("first-row-id {} is less than the table's next row id, {}", first, next)));
    return;
  }
  if (added > kRowIdMax - first) {
    place.Refuse("snapshot.added-rows", "exceeds the range of row ids");
    return;
  }
  next_.other_keys["next-row-id"] = std::to_string(first + added);
}

void MetadataBuilder::Apply(const SetSnapshotRef& update, RequestPlace& place) {
  const auto& [name, ref] = update;
  if (ref.type == "tag" && (ref.min_snapshots_to_keep || ref.max_snapshot_age_ms)) {
    place.Refuse("type",
                 "is tag, which has one snapshot: min-snapshots-to-keep and max-snapshot-age-ms "
                 "apply to branches only");
  }
  if (name == "main" && ref.type == "tag") {
    place.Refuse("type", "is tag, but main must be a branch");
  }
  const Snapshot* snapshot = next_.FindSnapshot(ref.snapshot);
  if (snapshot == nullptr) {
    place.Refuse("snapshot-id",
                 fmt::format("is {}, but the table has no such snapshot", ref.snapshot.value()));
  }
  if (!place.ok()) return;
  const auto known = next_.refs.find(name);
  if (known != next_.refs.end() && known->second == ref) return;
  if (name == "main") MoveMain(*snapshot);
  next_.refs[name] = ref;
  changed_ = true;
}

// The log records since when a snapshot is current: for one added by this request, since its
// timestamp; for an existing one (a rollback), since now. Its times never decrease, whatever a
// client's clock says.
void MetadataBuilder::MoveMain(const Snapshot& snapshot) {
  const bool is_new = added_ids_.contains(snapshot.id);
  if (is_new) passed_as_main_.insert(snapshot.id);
  std::int64_t since_ms = is_new ? snapshot.timestamp_ms : now_ms_;
  if (!next_.snapshot_log.empty()) since_ms = std::max(since_ms, next_.snapshot_log.back().first);
  next_.snapshot_log.emplace_back(since_ms, snapshot.id);
}

void MetadataBuilder::Apply(const RemoveSnapshotRef& update, RequestPlace&) {
  changed_ = next_.refs.erase(update.name) > 0 || changed_;
}

void MetadataBuilder::Apply(const RemoveSnapshots& update, RequestPlace&) {
  std::set<SnapshotId> ids;
  for (const SnapshotId id : update.snapshot_ids) {
    if (snapshot_ids_.erase(id) > 0) ids.insert(id);
  }
  if (ids.empty()) return;
  std::erase_if(next_.snapshots,
                [&](const Snapshot& snapshot) { return ids.contains(snapshot.id); });
  std::erase_if(next_.refs, [&](const auto& entry) { return ids.contains(entry.second.snapshot); });
  for (const SnapshotId id : ids) {
    DropStatistics("statistics", id.value());
    DropStatistics("partition-statistics", id.value());
  }
  removed_snapshots_ = true;
  changed_ = true;
}

// Omits snapshots that were current only between two updates of this request, and all entries
// before a removed snapshot: with a gap the log would name the wrong snapshot for a time.
void MetadataBuilder::CorrectSnapshotLog() {
  const auto main = next_.refs.find("main");
  if (main != next_.refs.end()) passed_as_main_.erase(main->second.snapshot);
  if (passed_as_main_.empty() && !removed_snapshots_) return;
  std::vector<std::pair<std::int64_t, SnapshotId>> log;
  for (const auto& entry : next_.snapshot_log) {
    if (snapshot_ids_.contains(entry.second)) {
      if (!passed_as_main_.contains(entry.second)) log.push_back(entry);
    } else if (removed_snapshots_) {
      log.clear();
    }
  }
  next_.snapshot_log = std::move(log);
}
}  // namespace weirhouse::iceberg
