#include <charconv>

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/format/metadata_json.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/platform/io/location.h"

namespace weirhouse::iceberg {
namespace {

void AppendKey(std::string& out, std::string_view key) {
  out += ',';
  AppendJsonText(out, key);
  out += ':';
}
void AppendMember(std::string& out, std::string_view key, std::int64_t value) {
  AppendKey(out, key);
  AppendJsonInt(out, value);
}
void AppendMember(std::string& out, std::string_view key, std::string_view value) {
  AppendKey(out, key);
  AppendJsonText(out, value);
}

void AppendTextMap(std::string& out, const std::map<std::string, std::string>& map) {
  out += '{';
  for (const auto& [key, value] : map) {
    if (out.back() != '{') out += ',';
    AppendJsonText(out, key);
    out += ':';
    AppendJsonText(out, value);
  }
  out += '}';
}

// Appends unknown members unchanged: JSON text as it was read.
void AppendOtherKeys(std::string& out, const std::map<std::string, std::string>& other_keys) {
  for (const auto& [key, json] : other_keys) {
    AppendKey(out, key);
    out += json;
  }
}

void AppendSnapshot(std::string& out, const Snapshot& snapshot) {
  out += "{\"snapshot-id\":";
  AppendJsonInt(out, snapshot.id.value());
  if (snapshot.parent) AppendMember(out, "parent-snapshot-id", snapshot.parent->value());
  // Absent in version 1, and in snapshots written before an upgrade from it.
  if (snapshot.sequence_number > 0) {
    AppendMember(out, "sequence-number", snapshot.sequence_number);
  }
  AppendMember(out, "timestamp-ms", snapshot.timestamp_ms);
  if (!snapshot.summary.empty()) {  // optional in version 1
    AppendKey(out, "summary");
    AppendTextMap(out, snapshot.summary);
  }
  // Version 1 may list the manifests instead, carried in other_keys.
  if (!snapshot.manifest_list.empty()) {
    AppendMember(out, "manifest-list", snapshot.manifest_list);
  }
  if (snapshot.schema_id >= 0) AppendMember(out, "schema-id", snapshot.schema_id);
  AppendOtherKeys(out, snapshot.other_keys);
  out += '}';
}

void AppendSortOrders(std::string& out, const TableMetadata& metadata) {
  AppendMember(out, "default-sort-order-id", metadata.default_sort_order_id);
  AppendKey(out, "sort-orders");
  out += '[';
  for (const SortOrder& order : metadata.sort_orders) {
    if (out.back() != '[') out += ',';
    out += "{\"order-id\":";
    AppendJsonInt(out, order.order_id);
    AppendKey(out, "fields");
    out += '[';
    for (const SortField& field : order.fields) {
      if (out.back() != '[') out += ',';
      out += "{\"transform\":";
      AppendJsonText(out, field.transform);
      AppendMember(out, "source-id", field.source_id);
      AppendMember(out, "direction", std::string_view(field.ascending ? "asc" : "desc"));
      AppendMember(out, "null-order",
                   std::string_view(field.nulls_first ? "nulls-first" : "nulls-last"));
      out += '}';
    }
    out += "]}";
  }
  out += ']';
}

void AppendRefs(std::string& out, const TableMetadata& metadata) {
  AppendKey(out, "refs");
  out += '{';
  for (const auto& [name, ref] : metadata.refs) {
    if (out.back() != '{') out += ',';
    AppendJsonText(out, name);
    out += ":{\"snapshot-id\":";
    AppendJsonInt(out, ref.snapshot.value());
    AppendMember(out, "type", ref.type);
    if (ref.min_snapshots_to_keep) {
      AppendMember(out, "min-snapshots-to-keep", *ref.min_snapshots_to_keep);
    }
    if (ref.max_snapshot_age_ms) {
      AppendMember(out, "max-snapshot-age-ms", *ref.max_snapshot_age_ms);
    }
    if (ref.max_ref_age_ms) AppendMember(out, "max-ref-age-ms", *ref.max_ref_age_ms);
    out += '}';
  }
  out += '}';
}

void AppendLogs(std::string& out, const TableMetadata& metadata) {
  AppendKey(out, "snapshot-log");
  out += '[';
  for (const auto& [time_ms, snapshot] : metadata.snapshot_log) {
    if (out.back() != '[') out += ',';
    out += "{\"timestamp-ms\":";
    AppendJsonInt(out, time_ms);
    AppendMember(out, "snapshot-id", snapshot.value());
    out += '}';
  }
  out += ']';
  AppendKey(out, "metadata-log");
  out += '[';
  for (const auto& [time_ms, file] : metadata.metadata_log) {
    if (out.back() != '[') out += ',';
    out += "{\"timestamp-ms\":";
    AppendJsonInt(out, time_ms);
    AppendMember(out, "metadata-file", file);
    out += '}';
  }
  out += ']';
}

void AppendSchemas(std::string& out, const TableMetadata& metadata) {
  AppendMember(out, "current-schema-id", metadata.current_schema_id);
  AppendKey(out, "schemas");
  out += '[';
  for (const Schema& schema : metadata.schemas) {
    if (out.back() != '[') out += ',';
    AppendSchemaJson(out, schema);
  }
  out += ']';
  if (metadata.format_version == 1) {  // version 1 requires the old spelling beside the new one
    AppendKey(out, "schema");
    AppendSchemaJson(out, metadata.schema());
    AppendKey(out, "partition-spec");
    AppendSpecFieldsJson(out, metadata.spec());
  }
  AppendMember(out, "default-spec-id", metadata.default_spec_id);
  AppendKey(out, "partition-specs");
  out += '[';
  for (const PartitionSpec& spec : metadata.specs) {
    if (out.back() != '[') out += ',';
    out += "{\"spec-id\":";
    AppendJsonInt(out, spec.spec_id);
    AppendKey(out, "fields");
    AppendSpecFieldsJson(out, spec);
    out += '}';
  }
  out += ']';
  AppendMember(out, "last-partition-id", metadata.last_partition_id);
}
}  // namespace

void AppendJsonText(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // start of the text not yet copied
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else {
      out += "\\u00";
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

void AppendJsonInt(std::string& out, std::int64_t value) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  WEIRHOUSE_CHECK(error == std::errc());
  out.append(digits, end);
}

void AppendSchemaJson(std::string& out, const Schema& schema) {
  out += "{\"type\":\"struct\"";
  AppendMember(out, "schema-id", schema.schema_id);
  if (!schema.identifier_field_ids.empty()) {
    AppendKey(out, "identifier-field-ids");
    out += '[';
    for (const int id : schema.identifier_field_ids) {
      if (out.back() != '[') out += ',';
      AppendJsonInt(out, id);
    }
    out += ']';
  }
  AppendKey(out, "fields");
  out += '[';
  for (const Field& field : schema.fields) {
    if (out.back() != '[') out += ',';
    out += "{\"id\":";
    AppendJsonInt(out, field.id);
    AppendMember(out, "name", field.name);
    out += field.required ? ",\"required\":true" : ",\"required\":false";
    AppendKey(out, "type");
    if (field.type.is_nested()) {
      out += NameOf(field.type);  // its JSON
    } else {
      AppendJsonText(out, NameOf(field.type));
    }
    if (!field.doc.empty()) AppendMember(out, "doc", field.doc);
    if (!field.initial_default.empty()) {
      AppendKey(out, "initial-default");
      out += field.initial_default;
    }
    if (!field.write_default.empty()) {
      AppendKey(out, "write-default");
      out += field.write_default;
    }
    if (!field.other_members.empty()) {  // an object's text, whose braces are not needed
      out += ',';
      out.append(field.other_members, 1, field.other_members.size() - 2);
    }
    out += '}';
  }
  out += "]}";
}

void AppendSpecFieldsJson(std::string& out, const PartitionSpec& spec) {
  out += '[';
  for (const PartitionField& field : spec.fields) {
    if (out.back() != '[') out += ',';
    out += "{\"source-id\":";
    AppendJsonInt(out, field.source_id);
    AppendMember(out, "field-id", field.field_id);
    AppendMember(out, "name", field.name);
    AppendMember(out, "transform", field.transform);
    out += '}';
  }
  out += ']';
}

std::string SerializeTableMetadata(const TableMetadata& metadata) {
  std::string out;
  out.reserve(4096 + metadata.snapshots.size() * 1536 + metadata.schemas.size() * 4096);
  out += "{\"format-version\":";
  AppendJsonInt(out, metadata.format_version);
  if (!metadata.uuid.empty()) AppendMember(out, "table-uuid", metadata.uuid);
  AppendMember(out, "location", metadata.location);
  if (metadata.format_version > 1) {
    AppendMember(out, "last-sequence-number", metadata.last_sequence_number);
  }
  AppendMember(out, "last-updated-ms", metadata.last_updated_ms);
  AppendMember(out, "last-column-id", metadata.last_column_id);
  AppendSchemas(out, metadata);
  AppendSortOrders(out, metadata);
  AppendKey(out, "properties");
  AppendTextMap(out, metadata.properties);
  if (const Snapshot* current = metadata.current_snapshot()) {
    AppendMember(out, "current-snapshot-id", current->id.value());
  }
  AppendRefs(out, metadata);
  AppendKey(out, "snapshots");
  out += '[';
  for (const Snapshot& snapshot : metadata.snapshots) {
    if (out.back() != '[') out += ',';
    AppendSnapshot(out, snapshot);
  }
  out += ']';
  AppendLogs(out, metadata);
  if (metadata.format_version >= 3 && !metadata.other_keys.contains("next-row-id")) {
    auto other_keys = metadata.other_keys;  // the same order as when it is read and printed again
    other_keys["next-row-id"] = "0";        // required; no row has been given an id yet
    AppendOtherKeys(out, other_keys);
  } else {
    AppendOtherKeys(out, metadata.other_keys);
  }
  out += '}';
  return out;
}

std::vector<std::string> PlacesOf(const TableMetadata& metadata) {
  std::vector<std::string> places{platform::CanonicalPath(metadata.location)};
  for (const std::string_view key : kPathProperties) {
    const auto found = metadata.properties.find(std::string(key));
    if (found != metadata.properties.end()) {
      places.push_back(platform::CanonicalPath(found->second));
    }
  }
  return places;
}
}  // namespace weirhouse::iceberg
