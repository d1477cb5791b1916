#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/request/json_depth.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/type/json_number.h"
#include "ground/platform/io/inflate.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::size_t kMetadataBytesMax = 64u << 20;  // 6,700 snapshots take 4.6 MB

constexpr int kJsonDepthMax = 300;  // types may be nested in 64 levels of three each

using Json = nlohmann::json;

Status MalformedMetadata(std::string_view path, std::string_view why) {
  return Status(Code::kCorruption, fmt::format("table metadata is malformed: {}: {}", path, why))
      .WithError("WH7050")
      .WithHint("the file was changed from outside, or is not an Iceberg metadata.json");
}

std::int64_t IntOf(const Json& json, const char* key) { return ReadJsonLong(json.at(key), key); }
std::optional<std::int64_t> OptionalIntOf(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return std::nullopt;
  return IntOf(json, key);
}

int IdOf(const Json& json, const char* key) { return ReadJsonId(json.at(key), key); }
std::optional<int> OptionalIdOf(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return std::nullopt;
  return ReadJsonId(*it, key);
}

// Whether the text of `key` is `yes`; anything but `yes` and `no` is refused.
bool IsFirstOf(const Json& json, const char* key, std::string_view yes, std::string_view no) {
  const std::string text = json.at(key).get<std::string>();
  if (text != yes && text != no) {
    throw Json::type_error::create(
        302, fmt::format("\"{}\" must be \"{}\" or \"{}\"", key, yes, no), &json);
  }
  return text == yes;
}

// The column a transform reads. Version 3 may list several under "source-ids", for transforms of
// several arguments; no specification defines one yet.
int SourceOf(const Json& json) {
  if (json.contains("source-id")) return IdOf(json, "source-id");
  const Json& list = json.at("source-ids");
  if (!list.is_array() || list.size() != 1) {
    throw Json::type_error::create(302, "\"source-ids\" must hold one integer", &json);
  }
  return ReadJsonId(list[0], "source-ids");
}

PartitionSpec SpecOf(const Json& fields, int spec_id) {
  PartitionSpec spec;
  spec.spec_id = spec_id;
  int next_id = 1000;  // version 1 writers may omit field ids
  for (const Json& item : fields) {
    PartitionField field;
    field.source_id = SourceOf(item);
    field.field_id = OptionalIdOf(item, "field-id").value_or(next_id);
    field.name = item.at("name").get<std::string>();
    field.transform = item.at("transform").get<std::string>();
    next_id = field.field_id + 1;
    spec.fields.push_back(std::move(field));
  }
  return spec;
}

Snapshot SnapshotOf(const Json& json) {
  Snapshot snapshot;
  snapshot.id = SnapshotId(IntOf(json, "snapshot-id"));
  if (const auto parent = OptionalIntOf(json, "parent-snapshot-id")) {
    snapshot.parent = SnapshotId(*parent);
  }
  snapshot.sequence_number = OptionalIntOf(json, "sequence-number").value_or(0);
  snapshot.timestamp_ms = IntOf(json, "timestamp-ms");
  snapshot.manifest_list = json.value("manifest-list", "");
  snapshot.schema_id = OptionalIdOf(json, "schema-id").value_or(-1);
  if (const auto it = json.find("summary"); it != json.end() && it->is_object()) {
    SharedTextMap::Map summary;
    for (const auto& [key, value] : it->items()) {
      summary[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    snapshot.summary = std::move(summary);
  }
  static const std::set<std::string, std::less<>> known = {
      "snapshot-id",   "parent-snapshot-id", "sequence-number", "timestamp-ms",
      "manifest-list", "schema-id",          "summary"};
  for (const auto& [key, value] : json.items()) {
    if (!known.contains(key)) snapshot.other_keys[key] = value.dump();
  }
  return snapshot;
}

SortOrder SortOrderOf(const Json& json) {
  SortOrder order;
  order.order_id = IdOf(json, "order-id");
  for (const Json& item : json.at("fields")) {
    SortField field;
    field.source_id = SourceOf(item);
    field.transform = item.at("transform").get<std::string>();
    field.ascending = IsFirstOf(item, "direction", "asc", "desc");
    field.nulls_first = IsFirstOf(item, "null-order", "nulls-first", "nulls-last");
    order.fields.push_back(std::move(field));
  }
  return order;
}

// A table without orders, as version 1 allows, is unsorted.
void ReadSortOrders(const Json& json, TableMetadata& metadata) {
  const auto orders = json.find("sort-orders");
  if (orders == json.end() || orders->is_null()) return;
  metadata.sort_orders.clear();
  for (const Json& order : *orders) metadata.sort_orders.push_back(SortOrderOf(order));
  metadata.default_sort_order_id = OptionalIdOf(json, "default-sort-order-id").value_or(0);
  const bool has_unsorted = std::any_of(metadata.sort_orders.begin(), metadata.sort_orders.end(),
                                        [](const SortOrder& order) { return order.order_id == 0; });
  // Order 0 is always "unsorted"; some writers omit it.
  if (!has_unsorted && metadata.default_sort_order_id == 0) {
    metadata.sort_orders.insert(metadata.sort_orders.begin(), SortOrder{});
  }
}

void ReadSchemasAndSpecs(const Json& json, TableMetadata& metadata, Status& status) {
  const auto add = [&](const Json& item) {
    Result<Schema> schema = Schema::FromJson(item);
    if (schema.ok()) {
      metadata.schemas.push_back(std::move(schema).value());
    } else if (status.ok()) {
      status = schema.status();
    }
  };
  if (json.contains("schemas")) {
    for (const Json& item : json["schemas"]) add(item);
    metadata.current_schema_id = IdOf(json, "current-schema-id");
  } else {
    add(json.at("schema"));
    if (status.ok()) metadata.current_schema_id = metadata.schemas[0].schema_id;
  }
  if (json.contains("partition-specs")) {
    for (const Json& item : json["partition-specs"]) {
      metadata.specs.push_back(SpecOf(item.at("fields"), IdOf(item, "spec-id")));
    }
    metadata.default_spec_id = IdOf(json, "default-spec-id");
  } else {
    metadata.specs.push_back(SpecOf(json.at("partition-spec"), 0));
  }
  for (const PartitionSpec& spec : metadata.specs) {
    for (const PartitionField& field : spec.fields) {
      metadata.last_partition_id = std::max(metadata.last_partition_id, field.field_id);
    }
  }
  if (const auto last = OptionalIdOf(json, "last-partition-id")) metadata.last_partition_id = *last;
}

void ReadRefs(const Json& json, TableMetadata& metadata) {
  if (const auto it = json.find("refs"); it != json.end() && it->is_object()) {
    for (const auto& [name, value] : it->items()) {
      SnapshotRef ref;
      ref.snapshot = SnapshotId(IntOf(value, "snapshot-id"));
      ref.type = value.value("type", "branch");
      ref.min_snapshots_to_keep = OptionalIntOf(value, "min-snapshots-to-keep");
      ref.max_snapshot_age_ms = OptionalIntOf(value, "max-snapshot-age-ms");
      ref.max_ref_age_ms = OptionalIntOf(value, "max-ref-age-ms");
      metadata.refs[name] = ref;
    }
  }
  // Writers from before refs existed name only the current snapshot.
  const std::int64_t current = OptionalIntOf(json, "current-snapshot-id").value_or(-1);
  if (current >= 0) {
    metadata.refs["main"].snapshot = SnapshotId(current);
  } else {
    metadata.refs.erase("main");
  }
}

void ReadLogs(const Json& json, TableMetadata& metadata) {
  if (const auto it = json.find("snapshot-log"); it != json.end() && it->is_array()) {
    for (const Json& item : *it) {
      metadata.snapshot_log.emplace_back(IntOf(item, "timestamp-ms"),
                                         SnapshotId(IntOf(item, "snapshot-id")));
    }
  }
  if (const auto it = json.find("metadata-log"); it != json.end() && it->is_array()) {
    for (const Json& item : *it) {
      metadata.metadata_log.emplace_back(IntOf(item, "timestamp-ms"),
                                         item.at("metadata-file").get<std::string>());
    }
  }
}

void KeepOtherKeys(const Json& json, TableMetadata& metadata) {
  static const std::set<std::string, std::less<>> known = {"format-version",
                                                           "table-uuid",
                                                           "location",
                                                           "last-sequence-number",
                                                           "last-updated-ms",
                                                           "last-column-id",
                                                           "schemas",
                                                           "current-schema-id",
                                                           "partition-specs",
                                                           "default-spec-id",
                                                           "last-partition-id",
                                                           "sort-orders",
                                                           "properties",
                                                           "default-sort-order-id",
                                                           "snapshots",
                                                           "current-snapshot-id",
                                                           "snapshot-log",
                                                           "metadata-log",
                                                           "refs",
                                                           "schema",
                                                           "partition-spec"};
  for (const auto& [key, value] : json.items()) {
    if (!known.contains(key)) metadata.other_keys[key] = value.dump();
  }
}

// Checks what the rest of the code relies on: ids that are referenced exist.
Status CheckReferences(const TableMetadata& metadata) {
  const std::string& path = metadata.metadata_location;
  bool has_schema = false;
  for (const Schema& schema : metadata.schemas) {
    has_schema = has_schema || schema.schema_id == metadata.current_schema_id;
  }
  if (!has_schema) return MalformedMetadata(path, "no schema has the id current-schema-id");
  bool has_spec = false;
  for (const PartitionSpec& spec : metadata.specs) {
    has_spec = has_spec || spec.spec_id == metadata.default_spec_id;
  }
  if (!has_spec) return MalformedMetadata(path, "no partition spec has the id default-spec-id");
  bool has_order = false;
  for (const SortOrder& order : metadata.sort_orders) {
    has_order = has_order || order.order_id == metadata.default_sort_order_id;
  }
  if (!has_order) return MalformedMetadata(path, "no sort order has the id default-sort-order-id");
  for (const auto& [name, ref] : metadata.refs) {
    if (metadata.FindSnapshot(ref.snapshot) == nullptr) {
      return MalformedMetadata(path,
                               fmt::format("the snapshot of ref \"{}\" does not exist", name));
    }
  }
  return Status::Ok();
}
}  // namespace

void DataFile::SetFormat(std::string_view name) {
  format = ParseFileFormat(name);
  format_spelling = name == NameOf(format) ? std::string() : std::string(name);
}

const Schema& TableMetadata::schema() const {
  for (const Schema& schema : schemas) {
    if (schema.schema_id == current_schema_id) return schema;
  }
  WEIRHOUSE_CHECK(!schemas.empty());
  return schemas.back();
}

const PartitionSpec& TableMetadata::spec() const {
  for (const PartitionSpec& spec : specs) {
    if (spec.spec_id == default_spec_id) return spec;
  }
  WEIRHOUSE_CHECK(!specs.empty());
  return specs.back();
}

const SortOrder& TableMetadata::sort_order() const {
  for (const SortOrder& order : sort_orders) {
    if (order.order_id == default_sort_order_id) return order;
  }
  static const SortOrder kUnsorted;
  return kUnsorted;
}

const Snapshot* TableMetadata::current_snapshot() const { return FindRef("main"); }

const Snapshot* TableMetadata::FindSnapshot(SnapshotId id) const {
  // Newest first, because it is looked up most often.
  for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
    if (it->id == id) return &*it;
  }
  return nullptr;
}

const Snapshot* TableMetadata::FindRef(std::string_view ref) const {
  const auto it = refs.find(std::string(ref));
  return it == refs.end() ? nullptr : FindSnapshot(it->second.snapshot);
}

Result<TableMetadata> ParseTableMetadata(std::string_view json_text, std::string name,
                                         std::string metadata_location) {
  std::optional<std::string> inflated;
  if (platform::IsGzip(json_text)) {  // "….gz.metadata.json"
    inflated = platform::Inflate(json_text, platform::DeflateForm::kGzip, kMetadataBytesMax);
    if (!inflated) {
      return MalformedMetadata(metadata_location,
                               "it cannot be inflated, or inflates to more than 64 MiB");
    }
    json_text = *inflated;
  }
  if (json_text.size() > kMetadataBytesMax) {
    return MalformedMetadata(metadata_location, "it is larger than 64 MiB");
  }
  if (MeasureJsonDepth(json_text) > kJsonDepthMax)
    return MalformedMetadata(metadata_location, "it is nested too deep");
  try {
    const Json json = Json::parse(json_text);
    TableMetadata metadata;
    metadata.name = std::move(name);
    metadata.metadata_location = metadata_location;
    const std::int64_t version = IntOf(json, "format-version");
    if (version < 1 || version > 3) {
      return Status(Code::kInvalidInput,
                    fmt::format("Iceberg format version {} is not supported: {}", version,
                                metadata.metadata_location))
          .WithError("WH7051")
          .WithHint("write the table with a format-version up to 3");
    }
    metadata.format_version = static_cast<int>(version);
    // Some engines write file:/a/b for /a/b; this converts it to the canonical spelling.
    metadata.location = LocalPath(json.at("location").get<std::string>());
    metadata.uuid = json.value("table-uuid", "");
    metadata.last_sequence_number = OptionalIntOf(json, "last-sequence-number").value_or(0);
    metadata.last_updated_ms = IntOf(json, "last-updated-ms");
    metadata.last_column_id = IdOf(json, "last-column-id");
    Status status;
    ReadSchemasAndSpecs(json, metadata, status);
    WEIRHOUSE_TRY_STATUS(status);
    ReadSortOrders(json, metadata);
    if (const auto it = json.find("properties"); it != json.end() && it->is_object()) {
      metadata.properties = it->get<std::map<std::string, std::string>>();
    }
    if (const auto it = json.find("snapshots"); it != json.end() && it->is_array()) {
      for (const Json& item : *it) metadata.snapshots.push_back(SnapshotOf(item));
    }
    ReadRefs(json, metadata);
    ReadLogs(json, metadata);
    KeepOtherKeys(json, metadata);
    WEIRHOUSE_TRY_STATUS(CheckReferences(metadata));
    return metadata;
  } catch (const nlohmann::json::exception& error) {
    return MalformedMetadata(metadata_location, error.what());
  }
}
}  // namespace weirhouse::iceberg
