// Updates of snapshots, refs and statistics: metadata_builder.h.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/update/metadata_builder.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMinuteMs = 60'000;  // how far clocks of different machines may differ
// Beyond it nobody could count on; honest clients are one ahead of the table.
constexpr std::int64_t kSequenceNumberMax = std::int64_t{1} << 62;
// Each snapshot takes the next one; who skipped many would leave others none.
constexpr std::int64_t kSequenceNumbersSkippedMax = 1'000'000;
constexpr std::int64_t kRowIdMax = std::int64_t{1} << 62;

Status Conflict(const JsonPlace& place, std::string_view why) {
  return Status(Code::kConflict, fmt::format("{}: {}", place.context, why))
      .WithError("WH7066")
      .WithHint("load the table again and repeat the change on its new state");
}

std::int64_t NumberUnder(const std::map<std::string, std::string>& keys, const std::string& key) {
  const auto it = keys.find(key);
  if (it == keys.end()) return 0;
  const Json json = Json::parse(it->second, nullptr, /*allow_exceptions=*/false);
  return json.is_number_integer() ? json.get<std::int64_t>() : 0;
}

bool HasSchema(const TableMetadata& metadata, int schema_id) {
  return std::any_of(metadata.schemas.begin(), metadata.schemas.end(),
                     [&](const Schema& schema) { return schema.schema_id == schema_id; });
}

// What a snapshot states of itself; what it means for the table is checked by the caller.
Snapshot ReadSnapshot(JsonFields& json) {
  Snapshot snapshot;
  snapshot.id = SnapshotId(json.Long("snapshot-id"));
  if (const auto parent = json.OptionalLong("parent-snapshot-id")) {
    snapshot.parent = SnapshotId(*parent);
  }
  snapshot.sequence_number =
      json.OptionalLong("sequence-number", 0, kSequenceNumberMax).value_or(0);
  snapshot.timestamp_ms = json.Long("timestamp-ms");
  snapshot.manifest_list = json.Text("manifest-list");
  snapshot.schema_id = json.OptionalInt("schema-id").value_or(-1);
  snapshot.summary = json.TextMap("summary");
  JsonFields summary = json.Object("summary");
  snapshot.summary["operation"] =
      summary.Word("operation", {"append", "replace", "overwrite", "delete"});
  for (const char* key : {"first-row-id", "added-rows"}) {
    if (const auto number = json.OptionalLong(key, 0, kRowIdMax)) {
      snapshot.other_keys[key] = std::to_string(*number);
    }
  }
  if (json.Has("key-id")) {
    json.place().Fail(Status(Code::kInvalidInput,
                             fmt::format("{}: tables are not encrypted here", json.place().context))
                          .WithError("WH7068")
                          .WithHint("encrypt the disk that holds the warehouse"));
  }
  return snapshot;
}
}  // namespace

void MetadataBuilder::AddSnapshot(JsonFields& update) {
  JsonFields json = update.Object("snapshot");
  Snapshot snapshot = ReadSnapshot(json);
  JsonPlace& place = update.place();
  if (!place.ok()) return;
  if (next_.schemas.empty()) {
    place.Refuse("", "a snapshot needs a schema to be added before it");
  } else if (snapshot.schema_id >= 0 && !HasSchema(next_, snapshot.schema_id)) {
    place.Refuse(json.Path("schema-id"),
                 fmt::format("is {}, which is no schema of the table", snapshot.schema_id));
  }
  if (snapshot_ids_.contains(snapshot.id)) {
    place.Fail(
        Conflict(place, fmt::format("snapshot {} is in the table already", snapshot.id.value())));
  }
  if (snapshot.timestamp_ms > now_ms_ + kMinuteMs) {
    place.Refuse(
        json.Path("timestamp-ms"),
        fmt::format("is {}, more than a minute after now ({}): the client's clock is wrong",
                    snapshot.timestamp_ms, now_ms_));
  }
  if (next_.format_version == 1) {
    if (snapshot.sequence_number != 0) {
      place.Refuse(json.Path("sequence-number"), "must be 0 in a table of version 1");
    }
  } else if (!json.Has("sequence-number")) {
    place.Refuse(json.Path("sequence-number"), "is missing");
  } else if (snapshot.sequence_number <= next_.last_sequence_number && snapshot.parent) {
    place.Fail(Conflict(place, fmt::format("sequence number {} is not above the last one, {}",
                                           snapshot.sequence_number, next_.last_sequence_number)));
  } else if (snapshot.sequence_number - next_.last_sequence_number > kSequenceNumbersSkippedMax) {
    place.Refuse(json.Path("sequence-number"),
                 fmt::format("is {}, far beyond {}, the last one", snapshot.sequence_number,
                             next_.last_sequence_number));
  }
  if (next_.format_version >= 3) AddRowLineage(json);
  if (!place.ok()) return;
  next_.last_sequence_number = std::max(next_.last_sequence_number, snapshot.sequence_number);
  snapshot_ids_.insert(snapshot.id);
  added_.push_back(snapshot.id);
  added_ids_.insert(snapshot.id);
  next_.snapshots.push_back(std::move(snapshot));
  changed_ = true;
}

// Version 3 numbers rows through the whole table: each snapshot takes the next ones.
void MetadataBuilder::AddRowLineage(JsonFields& snapshot) {
  const std::int64_t first = snapshot.Long("first-row-id", 0, kRowIdMax);
  const std::int64_t added = snapshot.Long("added-rows", 0, kRowIdMax);
  if (!snapshot.place().ok()) return;
  const std::int64_t next = NumberUnder(next_.other_keys, "next-row-id");
  if (first < next) {
    snapshot.place().Fail(Conflict(
        snapshot.place(),
        fmt::format("first-row-id {} is behind the table's next row id, {}", first, next)));
    return;
  }
  if (added > kRowIdMax - first) {
    snapshot.place().Refuse(snapshot.Path("added-rows"), "goes beyond the range of row ids");
    return;
  }
  next_.other_keys["next-row-id"] = std::to_string(first + added);
}

void MetadataBuilder::SetSnapshotRef(JsonFields& update) {
  const std::string name = update.Text("ref-name");
  SnapshotRef ref;
  ref.snapshot = SnapshotId(update.Long("snapshot-id"));
  ref.type = update.Word("type", {"branch", "tag"});
  ref.min_snapshots_to_keep =
      update.OptionalLong("min-snapshots-to-keep", 1, std::numeric_limits<int>::max());
  ref.max_snapshot_age_ms = update.OptionalLong("max-snapshot-age-ms", 1);
  ref.max_ref_age_ms = update.OptionalLong("max-ref-age-ms", 1);
  JsonPlace& place = update.place();
  if (ref.type == "tag" && (ref.min_snapshots_to_keep || ref.max_snapshot_age_ms)) {
    place.Refuse(update.Path("type"),
                 "is tag, which keeps one snapshot: min-snapshots-to-keep and "
                 "max-snapshot-age-ms are for branches");
  }
  if (name == "main" && ref.type == "tag") {
    place.Refuse(update.Path("type"), "is tag, but main must be a branch");
  }
  const Snapshot* snapshot = next_.FindSnapshot(ref.snapshot);
  if (snapshot == nullptr) {
    place.Refuse(update.Path("snapshot-id"),
                 fmt::format("is {}, which is no snapshot of the table", ref.snapshot.value()));
  }
  if (!place.ok()) return;
  const auto known = next_.refs.find(name);
  if (known != next_.refs.end()) {
    const SnapshotRef& was = known->second;
    if (was.snapshot == ref.snapshot && was.type == ref.type &&
        was.min_snapshots_to_keep == ref.min_snapshots_to_keep &&
        was.max_snapshot_age_ms == ref.max_snapshot_age_ms &&
        was.max_ref_age_ms == ref.max_ref_age_ms) {
      return;
    }
  }
  if (name == "main") MoveMain(*snapshot);
  next_.refs[name] = std::move(ref);
  changed_ = true;
}

// The log says since when a snapshot is current: one that came with this request since it was made,
// one that was there (a rollback) since now. It never goes back, whatever a client's clock says.
void MetadataBuilder::MoveMain(const Snapshot& snapshot) {
  const bool is_new = added_ids_.contains(snapshot.id);
  if (is_new) passed_as_main_.insert(snapshot.id);
  std::int64_t since_ms = is_new ? snapshot.timestamp_ms : now_ms_;
  if (!next_.snapshot_log.empty()) since_ms = std::max(since_ms, next_.snapshot_log.back().first);
  next_.snapshot_log.emplace_back(since_ms, snapshot.id);
}

void MetadataBuilder::RemoveSnapshotRef(JsonFields& update) {
  const std::string name = update.Text("ref-name");
  if (!update.place().ok()) return;
  changed_ = next_.refs.erase(name) > 0 || changed_;
}

void MetadataBuilder::RemoveSnapshots(JsonFields& update) {
  std::set<SnapshotId> ids;
  for (const std::int64_t id :
       update.Longs("snapshot-ids", 0, std::numeric_limits<std::int64_t>::max())) {
    if (snapshot_ids_.erase(SnapshotId(id)) > 0) ids.insert(SnapshotId(id));
  }
  if (!update.place().ok() || ids.empty()) return;
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

// Leaves out what was current only between two updates of this request, and all that lies before a
// snapshot that is gone: a log with a hole would name the wrong snapshot for a time.
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

MetadataBuilder::StatisticsBySnapshot& MetadataBuilder::StatisticsUnder(const std::string& key) {
  const auto [it, is_new] = statistics_.try_emplace(key);
  const auto text = next_.other_keys.find(key);
  if (!is_new || text == next_.other_keys.end()) return it->second;
  const Json list = Json::parse(text->second, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return it->second;
  for (const Json& file : list) {
    const auto id = file.is_object() ? file.find("snapshot-id") : file.end();
    if (id == file.end() || !id->is_number_integer()) continue;
    it->second.emplace(id->get<std::int64_t>(), file.dump());
  }
  return it->second;
}

void MetadataBuilder::CheckStatistics(JsonFields& file) const {
  const std::int64_t id = file.Long("snapshot-id");
  file.Text("statistics-path");
  file.Long("file-size-in-bytes");
  if (file.place().ok() && !snapshot_ids_.contains(SnapshotId(id))) {
    file.place().Refuse(file.Path("snapshot-id"),
                        fmt::format("is {}, which is no snapshot of the table", id));
  }
}

void MetadataBuilder::SetStatistics(JsonFields& update) {
  JsonFields file = update.Object("statistics");
  CheckStatistics(file);
  file.Long("file-footer-size-in-bytes");
  for (const auto& [json, path] : file.Array("blob-metadata")) {
    JsonFields blob(update.place(), *json, path);
    blob.Text("type");
    blob.Long("snapshot-id");
    blob.Long("sequence-number");
    blob.Longs("fields", 0, std::numeric_limits<int>::max());
    if (blob.Has("properties")) blob.TextMap("properties");
  }
  if (!update.place().ok()) return;
  const std::int64_t id = file.Long("snapshot-id");
  if (update.OptionalLong("snapshot-id").value_or(id) != id) {
    update.place().Refuse(update.Path("snapshot-id"), "is not the one of the statistics");
    return;
  }
  StatisticsBySnapshot& files = StatisticsUnder("statistics");
  files.erase(id);
  files.emplace(id, update.Any("statistics").dump());
  changed_ = true;
}

void MetadataBuilder::SetPartitionStatistics(JsonFields& update) {
  JsonFields file = update.Object("partition-statistics");
  CheckStatistics(file);
  if (!update.place().ok()) return;
  const std::int64_t id = file.Long("snapshot-id");
  StatisticsBySnapshot& files = StatisticsUnder("partition-statistics");
  files.erase(id);
  files.emplace(id, update.Any("partition-statistics").dump());
  changed_ = true;
}

void MetadataBuilder::DropStatistics(const std::string& key, std::int64_t snapshot_id) {
  if (!next_.other_keys.contains(key) && !statistics_.contains(key)) return;
  changed_ = StatisticsUnder(key).erase(snapshot_id) > 0 || changed_;
}

void MetadataBuilder::RemoveStatistics(JsonFields& update) {
  const std::int64_t id = update.Long("snapshot-id");
  if (update.place().ok()) DropStatistics("statistics", id);
}

void MetadataBuilder::RemovePartitionStatistics(JsonFields& update) {
  const std::int64_t id = update.Long("snapshot-id");
  if (update.place().ok()) DropStatistics("partition-statistics", id);
}

void MetadataBuilder::WriteStatistics() {
  for (const char* key : {"statistics", "partition-statistics"}) {
    if (!next_.other_keys.contains(key) && !statistics_.contains(key)) continue;
    StatisticsBySnapshot& files = StatisticsUnder(key);
    std::string list;
    for (const auto& [id, text] : files) {
      // Expired by this commit, not by the client.
      if (next_.FindSnapshot(SnapshotId(id)) == nullptr && snapshot_ids_.contains(SnapshotId(id))) {
        continue;
      }
      list += (list.empty() ? "[" : ",") + text;
    }
    if (list.empty()) {
      next_.other_keys.erase(key);
    } else {
      next_.other_keys[key] = list + "]";
    }
  }
}
}  // namespace weirhouse::iceberg
