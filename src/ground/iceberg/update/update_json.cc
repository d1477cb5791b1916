#include "ground/iceberg/update/update_json.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "ground/base/ascii.h"
#include "ground/base/request/json_members.h"
#include "ground/base/text.h"
#include "ground/iceberg/update/schema_request.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

// Beyond it no further numbers would be left; correct clients are one ahead of the table.
constexpr std::int64_t kSequenceNumberMax = std::int64_t{1} << 62;

Update ReadAssignUuid(JsonFields& json) {
  AssignUuid update{LowerCase(json.Text("uuid"))};
  constexpr std::size_t kUuidLength = 36;
  if (update.uuid.size() != kUuidLength ||
      update.uuid.find_first_not_of("0123456789abcdef-") != std::string::npos) {
    json.place().Refuse(json.Path("uuid"), "must be a UUID of 36 characters");
  }
  return update;
}

Update ReadUpgradeFormatVersion(JsonFields& json) {
  return UpgradeFormatVersion{json.Long("format-version", 1)};
}

Update ReadSetLocation(JsonFields& json) { return SetLocation{json.Text("location")}; }

// Older clients say "updated" and "removed".
Update ReadSetProperties(JsonFields& json) {
  const bool old_name = !json.Has("updates") && json.Has("updated");
  return SetProperties{json.TextMap(old_name ? "updated" : "updates")};
}

Update ReadRemoveProperties(JsonFields& json) {
  const bool old_name = !json.Has("removals") && json.Has("removed");
  return RemoveProperties{json.Texts(old_name ? "removed" : "removals")};
}

// ---- Schemas, specs, orders
int ReadId(JsonFields& json, const char* key) { return json.Int(key, kLastAdded); }

std::vector<int> ReadIds(JsonFields& json, const char* key) {
  std::vector<int> ids;
  for (const std::int64_t id : json.Longs(key, 0, std::numeric_limits<int>::max())) {
    ids.push_back(static_cast<int>(id));
  }
  return ids;
}

Update ReadAddSchema(JsonFields& json) {
  return AddSchema{
      ReadSchema(json.place(), json.Any("schema"), json.Path("schema"), ColumnIds::kKept)};
}
Update ReadSetCurrentSchema(JsonFields& json) {
  return SetCurrentSchema{ReadId(json, "schema-id")};
}
Update ReadRemoveSchemas(JsonFields& json) { return RemoveSchemas{ReadIds(json, "schema-ids")}; }

Update ReadAddSpec(JsonFields& json) {
  return AddSpec{ReadSpec(json.place(), json.Any("spec"), json.Path("spec"))};
}
Update ReadSetDefaultSpec(JsonFields& json) { return SetDefaultSpec{ReadId(json, "spec-id")}; }
Update ReadRemoveSpecs(JsonFields& json) { return RemovePartitionSpecs{ReadIds(json, "spec-ids")}; }

Update ReadAddSortOrder(JsonFields& json) {
  return AddSortOrder{ReadSortOrder(json.place(), json.Any("sort-order"), json.Path("sort-order"))};
}
Update ReadSetDefaultSortOrder(JsonFields& json) {
  return SetDefaultSortOrder{ReadId(json, "sort-order-id")};
}

// ---- Snapshots and refs
Update ReadAddSnapshot(JsonFields& update) {
  JsonFields json = update.Object("snapshot");
  AddSnapshot snapshot;
  snapshot.id = SnapshotId(json.Long("snapshot-id"));
  if (const auto parent = json.OptionalLong("parent-snapshot-id")) {
    snapshot.parent = SnapshotId(*parent);
  }
  snapshot.sequence_number = json.OptionalLong("sequence-number", 0, kSequenceNumberMax);
  snapshot.timestamp_ms = json.Long("timestamp-ms");
  snapshot.manifest_list = json.Text("manifest-list");
  snapshot.schema_id = json.OptionalInt("schema-id");
  SharedTextMap::Map summary = json.TextMap("summary");
  JsonFields fields = json.Object("summary");
  summary["operation"] = fields.Word("operation", {"append", "replace", "overwrite", "delete"});
  snapshot.summary = std::move(summary);
  snapshot.first_row_id = json.OptionalLong("first-row-id", 0, kRowIdMax);
  snapshot.added_rows = json.OptionalLong("added-rows", 0, kRowIdMax);
  if (json.Has("key-id")) json.place().Fail(NotEncryptedHere(json.place()));
  return snapshot;
}

Update ReadSetSnapshotRef(JsonFields& json) {
  SetSnapshotRef update;
  update.name = json.Text("ref-name");
  update.ref.snapshot = SnapshotId(json.Long("snapshot-id"));
  update.ref.type = json.Word("type", {"branch", "tag"});
  update.ref.min_snapshots_to_keep =
      json.OptionalLong("min-snapshots-to-keep", 1, std::numeric_limits<int>::max());
  update.ref.max_snapshot_age_ms = json.OptionalLong("max-snapshot-age-ms", 1);
  update.ref.max_ref_age_ms = json.OptionalLong("max-ref-age-ms", 1);
  return update;
}

Update ReadRemoveSnapshotRef(JsonFields& json) { return RemoveSnapshotRef{json.Text("ref-name")}; }

Update ReadRemoveSnapshots(JsonFields& json) {
  RemoveSnapshots update;
  for (const std::int64_t id :
       json.Longs("snapshot-ids", 0, std::numeric_limits<std::int64_t>::max())) {
    update.snapshot_ids.emplace_back(id);
  }
  return update;
}

// ---- Statistics
StatisticsFile ReadStatisticsFile(JsonFields& file, const Json& json) {
  StatisticsFile read;
  read.snapshot = SnapshotId(file.Long("snapshot-id"));
  file.Text("statistics-path");
  file.Long("file-size-in-bytes");
  read.json = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return read;
}

Update ReadSetStatistics(JsonFields& update) {
  JsonFields file = update.Object("statistics");
  SetStatistics read{ReadStatisticsFile(file, update.Any("statistics"))};
  file.Long("file-footer-size-in-bytes");
  for (const auto& [json, path] : file.Array("blob-metadata")) {
    JsonFields blob(update.place(), *json, path);
    blob.Text("type");
    blob.Long("snapshot-id");
    blob.Long("sequence-number");
    blob.Longs("fields", 0, std::numeric_limits<int>::max());
    if (blob.Has("properties")) blob.TextMap("properties");
  }
  const std::int64_t id = read.file.snapshot.value();
  if (update.OptionalLong("snapshot-id").value_or(id) != id) {
    update.place().Refuse(update.Path("snapshot-id"),
                          "differs from the snapshot of the statistics");
  }
  return read;
}

Update ReadSetPartitionStatistics(JsonFields& update) {
  JsonFields file = update.Object("partition-statistics");
  return SetPartitionStatistics{ReadStatisticsFile(file, update.Any("partition-statistics"))};
}

Update ReadRemoveStatistics(JsonFields& json) {
  return RemoveStatistics{SnapshotId(json.Long("snapshot-id"))};
}

Update ReadRemovePartitionStatistics(JsonFields& json) {
  return RemovePartitionStatistics{SnapshotId(json.Long("snapshot-id"))};
}

using UpdateReader = Update (*)(JsonFields&);

const std::map<std::string_view, UpdateReader>& Readers() {
  static const std::map<std::string_view, UpdateReader> readers = {
      {"assign-uuid", &ReadAssignUuid},
      {"upgrade-format-version", &ReadUpgradeFormatVersion},
      {"add-schema", &ReadAddSchema},
      {"set-current-schema", &ReadSetCurrentSchema},
      {"add-spec", &ReadAddSpec},
      {"set-default-spec", &ReadSetDefaultSpec},
      {"add-sort-order", &ReadAddSortOrder},
      {"set-default-sort-order", &ReadSetDefaultSortOrder},
      {"add-snapshot", &ReadAddSnapshot},
      {"set-snapshot-ref", &ReadSetSnapshotRef},
      {"remove-snapshots", &ReadRemoveSnapshots},
      {"remove-snapshot-ref", &ReadRemoveSnapshotRef},
      {"set-location", &ReadSetLocation},
      {"set-properties", &ReadSetProperties},
      {"remove-properties", &ReadRemoveProperties},
      {"set-statistics", &ReadSetStatistics},
      {"remove-statistics", &ReadRemoveStatistics},
      {"set-partition-statistics", &ReadSetPartitionStatistics},
      {"remove-partition-statistics", &ReadRemovePartitionStatistics},
      {"remove-partition-specs", &ReadRemoveSpecs},
      {"remove-schemas", &ReadRemoveSchemas},
      {"add-encryption-key", [](JsonFields&) -> Update { return AddEncryptionKey{}; }},
      {"remove-encryption-key", [](JsonFields&) -> Update { return RemoveEncryptionKey{}; }},
  };
  return readers;
}

Status NotAList(const Json& updates) {
  RequestPlace place(kTableWords, "updates");
  if (updates.size() > static_cast<std::size_t>(kRequestItemsMax)) {
    place.Refuse("", fmt::format("must have at most {} elements", kRequestItemsMax));
  } else {
    place.Refuse("", "must be an array");
  }
  return place.status;
}
}  // namespace

Result<std::vector<Update>> ParseUpdates(const Json& updates) {
  if (!updates.is_array() || updates.size() > static_cast<std::size_t>(kRequestItemsMax)) {
    return NotAList(updates);
  }
  std::vector<Update> read;
  read.reserve(updates.size());
  for (const Json& update : updates) {
    RequestPlace place(kTableWords, fmt::format("update {}", read.size() + 1));
    if (IsTooDeep(update)) {
      place.Refuse("", fmt::format("is nested deeper than {} levels", kRequestDepthMax));
      return place.status;
    }
    JsonFields fields(place, update, "");
    const std::string action = LowerCase(fields.Text("action"));
    const auto reader = Readers().find(action);
    if (place.ok() && reader == Readers().end()) {
      place.Refuse("action", fmt::format("is not an update of a table: \"{}\"", action));
    }
    WEIRHOUSE_TRY_STATUS(place.status);
    place.context = fmt::format("update {} ({})", read.size() + 1, action);
    read.push_back(reader->second(fields));
    WEIRHOUSE_TRY_STATUS(place.status);
  }
  return read;
}

Result<WantedTable> ParseWantedTable(const Json& request, const std::string& name) {
  RequestPlace place(kTableWords, fmt::format("new table \"{}\"", name));
  if (IsTooDeep(request)) {
    place.Refuse("", fmt::format("the request is nested deeper than {} levels", kRequestDepthMax));
    return place.status;
  }
  JsonFields fields(place, request, "");
  WantedTable table;
  if (fields.Has("location")) table.location = fields.Text("location");
  table.properties = fields.OptionalTextMap("properties");
  table.schema = ReadSchema(place, fields.Any("schema"), "schema", ColumnIds::kAnyOf);
  if (fields.Has("partition-spec")) {
    table.spec = ReadSpec(place, fields.Any("partition-spec"), "partition-spec");
  }
  if (fields.Has("write-order")) {
    table.order = ReadSortOrder(place, fields.Any("write-order"), "write-order");
  }
  return place.Unless(std::move(table));
}
}  // namespace weirhouse::iceberg
