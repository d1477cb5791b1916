#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ground/iceberg/format/avro.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata_json.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::string_view kEntryHead =
    R"({"type":"record","name":"manifest_entry","fields":[)"
    R"({"name":"status","type":"int","field-id":0},)"
    R"({"name":"snapshot_id","type":["null","long"],"default":null,"field-id":1},)"
    R"({"name":"sequence_number","type":["null","long"],"default":null,"field-id":3},)"
    R"({"name":"file_sequence_number","type":["null","long"],"default":null,"field-id":4},)"
    R"({"name":"data_file","type":{"type":"record","name":"r2","fields":[)"
    R"({"name":"content","type":"int","field-id":134},)"
    R"({"name":"file_path","type":"string","field-id":100},)"
    R"({"name":"file_format","type":"string","field-id":101},)"
    R"({"name":"partition","type":{"type":"record","name":"r102","fields":[)";

constexpr std::string_view kEntryMiddle =
    R"(]},"field-id":102},)"
    R"({"name":"record_count","type":"long","field-id":103},)"
    R"({"name":"file_size_in_bytes","type":"long","field-id":104})";

constexpr std::string_view kEntryTail =
    R"(,{"name":"key_metadata","type":["null","bytes"],"default":null,"field-id":131},)"
    R"({"name":"split_offsets","type":["null",{"type":"array","items":"long","element-id":133}],)"
    R"("default":null,"field-id":132},)"
    R"({"name":"equality_ids","type":["null",{"type":"array","items":"int","element-id":136}],)"
    R"("default":null,"field-id":135},)"
    R"({"name":"sort_order_id","type":["null","int"],"default":null,"field-id":140},)"
    R"({"name":"referenced_data_file","type":["null","string"],"default":null,"field-id":143})"
    R"(]},"field-id":2}]})";

constexpr std::string_view kListSchema =
    R"({"type":"record","name":"manifest_file","fields":[)"
    R"({"name":"manifest_path","type":"string","field-id":500},)"
    R"({"name":"manifest_length","type":"long","field-id":501},)"
    R"({"name":"partition_spec_id","type":"int","field-id":502},)"
    R"({"name":"content","type":"int","field-id":517},)"
    R"({"name":"sequence_number","type":"long","field-id":515},)"
    R"({"name":"min_sequence_number","type":"long","field-id":516},)"
    R"({"name":"added_snapshot_id","type":"long","field-id":503},)"
    R"({"name":"added_files_count","type":"int","field-id":504},)"
    R"({"name":"existing_files_count","type":"int","field-id":505},)"
    R"({"name":"deleted_files_count","type":"int","field-id":506},)"
    R"({"name":"added_rows_count","type":"long","field-id":512},)"
    R"({"name":"existing_rows_count","type":"long","field-id":513},)"
    R"({"name":"deleted_rows_count","type":"long","field-id":514},)"
    R"({"name":"partitions","type":["null",{"type":"array","items":{"type":"record","name":"r508",)"
    R"("fields":[{"name":"contains_null","type":"boolean","field-id":509},)"
    R"({"name":"contains_nan","type":["null","boolean"],"default":null,"field-id":518},)"
    R"({"name":"lower_bound","type":["null","bytes"],"default":null,"field-id":510},)"
    R"({"name":"upper_bound","type":["null","bytes"],"default":null,"field-id":511}]},)"
    R"("element-id":508}],"default":null,"field-id":507},)"
    R"({"name":"key_metadata","type":["null","bytes"],"default":null,"field-id":519}]})";

void AppendMapField(std::string& out, std::string_view name, int id, int key_id, int value_id,
                    std::string_view value_type) {
  out += fmt::format(
      R"(,{{"name":"{0}","type":["null",{{"type":"array","logicalType":"map","items":)"
      R"({{"type":"record","name":"k{2}_v{3}","fields":[{{"name":"key","type":"int","field-id":{2}}},)"
      R"({{"name":"value","type":"{4}","field-id":{3}}}]}}}}],"default":null,"field-id":{1}}})",
      name, id, key_id, value_id, value_type);
}

// Avro names are [A-Za-z_][A-Za-z0-9_]*; other characters become _xHH.
std::string AvroName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (letter || (digit && !out.empty())) {
      out += c;
    } else if (digit) {
      out += fmt::format("_{}", c);
    } else {
      out += fmt::format("_x{:02X}", static_cast<std::uint8_t>(c));
    }
  }
  return out.empty() ? "_" : out;
}

std::string AvroTypeOf(const Type& type, int field_id) {
  if (type.kind() == TypeKind::kDate) return R"({"type":"int","logicalType":"date"})";
  if (type.kind() == TypeKind::kTime) return R"({"type":"long","logicalType":"time-micros"})";
  if (IsNanos(type)) {
    return fmt::format(R"({{"type":"long","logicalType":"timestamp-nanos","adjust-to-utc":{}}})",
                       type.kind() == TypeKind::kTimestampTzNs);
  }
  if (IsTimestamp(type)) {
    return fmt::format(R"({{"type":"long","logicalType":"timestamp-micros","adjust-to-utc":{}}})",
                       type.kind() == TypeKind::kTimestampTz);
  }
  if (type.kind() == TypeKind::kUuid) {
    return R"({"type":"fixed","size":16,"logicalType":"uuid","name":"uuid_fixed"})";
  }
  if (type.kind() == TypeKind::kBinary) return "\"bytes\"";
  if (const DecimalShape shape = ShapeOf(type); shape.precision > 0) {
    return fmt::format(
        R"({{"type":"fixed","size":{},"logicalType":"decimal","precision":{},"scale":{},"name":)"
        R"("decimal_{}"}})",
        DecimalBytes(shape.precision), shape.precision, shape.scale, field_id);
  }
  if (const int length = FixedLength(type); length > 0) {
    return fmt::format(R"({{"type":"fixed","size":{},"name":"fixed_{}"}})", length, field_id);
  }
  return fmt::format("\"{}\"", NameOf(type));
}

std::string EntrySchema(const PartitionSpec& spec, std::span<const Type> types) {
  std::string out(kEntryHead);
  for (std::size_t i = 0; i < spec.fields.size(); ++i) {
    if (i > 0) out += ',';
    out += fmt::format(R"({{"name":"{}","type":["null",{}],"default":null,"field-id":{}}})",
                       AvroName(spec.fields[i].name), AvroTypeOf(types[i], spec.fields[i].field_id),
                       spec.fields[i].field_id);
  }
  out += kEntryMiddle;
  AppendMapField(out, "column_sizes", 108, 117, 118, "long");
  AppendMapField(out, "value_counts", 109, 119, 120, "long");
  AppendMapField(out, "null_value_counts", 110, 121, 122, "long");
  AppendMapField(out, "nan_value_counts", 137, 138, 139, "long");
  AppendMapField(out, "lower_bounds", 125, 126, 127, "bytes");
  AppendMapField(out, "upper_bounds", 128, 129, 130, "bytes");
  out += kEntryTail;
  return out;
}

void PutOptionalLong(AvroWriter& out, std::optional<std::int64_t> value) {
  out.PutBranch(value ? 1 : 0);
  if (value) out.PutInt(*value);
}
void PutOptionalBytes(AvroWriter& out, const std::optional<std::string>& value) {
  out.PutBranch(value ? 1 : 0);
  if (value) out.PutBytes(*value);
}

// Writes a map of the columns for which `has` holds; null if there are none.
template <typename Has, typename Put>
void PutColumnMap(AvroWriter& out, const DataFile& file, Has&& has, Put&& put) {
  std::int64_t count = 0;
  for (const auto& [id, column] : file.columns) count += has(column) ? 1 : 0;
  out.PutBranch(count > 0 ? 1 : 0);
  if (count == 0) return;
  out.PutInt(count);
  for (const auto& [id, column] : file.columns) {
    if (!has(column)) continue;
    out.PutInt(id);
    put(column);
  }
  out.PutInt(0);
}

void PutStatistics(AvroWriter& out, const DataFile& file) {
  using Column = platform::ColumnStatistics;
  const auto any = [](const Column&) { return true; };
  PutColumnMap(out, file, any, [&](const Column& c) { out.PutInt(c.size_bytes); });
  PutColumnMap(out, file, any, [&](const Column& c) { out.PutInt(c.value_count); });
  PutColumnMap(out, file, any, [&](const Column& c) { out.PutInt(c.null_count); });
  PutColumnMap(
      out, file, [](const Column& c) { return c.nan_count.has_value(); },
      [&](const Column& c) { out.PutInt(*c.nan_count); });
  PutColumnMap(
      out, file, [](const Column& c) { return c.lower_bound.has_value(); },
      [&](const Column& c) { out.PutBytes(*c.lower_bound); });
  PutColumnMap(
      out, file, [](const Column& c) { return c.upper_bound.has_value(); },
      [&](const Column& c) { out.PutBytes(*c.upper_bound); });
}

// Big-endian in exactly `size` bytes, the sign extended.
std::string FixedUnscaled(std::string_view bytes, int size) {
  const bool negative = !bytes.empty() && (static_cast<std::uint8_t>(bytes[0]) & 0x80) != 0;
  const auto wanted = static_cast<std::size_t>(size);
  if (bytes.size() >= wanted) return std::string(bytes.substr(bytes.size() - wanted));
  return std::string(wanted - bytes.size(), negative ? '\xff' : '\0') + std::string(bytes);
}

void PutPartitionValue(AvroWriter& out, const Type& type, const std::optional<std::string>& value) {
  out.PutBranch(value ? 1 : 0);
  if (!value) return;
  if (type.kind() == TypeKind::kString || type.kind() == TypeKind::kBinary) {
    out.PutBytes(*value);
  } else if (type.kind() == TypeKind::kBoolean) {
    out.PutBoolean(!value->empty() && (*value)[0] != 0);
  } else if (type.kind() == TypeKind::kFloat || type.kind() == TypeKind::kDouble) {
    const std::size_t size = type.kind() == TypeKind::kFloat ? 4 : 8;
    double real = DecodeDouble(*value).value_or(0);
    if (value->size() == size) {
      out.PutRaw(*value);
    } else {  // a float from before the column became double
      out.PutRaw({reinterpret_cast<const char*>(&real), 8});
    }
  } else if (const DecimalShape shape = ShapeOf(type); shape.precision > 0) {
    out.PutRaw(FixedUnscaled(*value, DecimalBytes(shape.precision)));
  } else if (type.kind() == TypeKind::kUuid || FixedLength(type) > 0) {
    std::string fixed = *value;
    fixed.resize(type.kind() == TypeKind::kUuid ? 16 : static_cast<std::size_t>(FixedLength(type)));
    out.PutRaw(fixed);
  } else {
    out.PutInt(DecodeLong(*value).value_or(0));
  }
}

template <typename Number>
void PutOptionalList(AvroWriter& out, const std::vector<Number>& list) {
  out.PutBranch(list.empty() ? 0 : 1);
  if (list.empty()) return;
  out.PutInt(static_cast<std::int64_t>(list.size()));
  for (const Number item : list) out.PutInt(item);
  out.PutInt(0);
}

void PutEntry(AvroWriter& out, const ManifestDraft& draft, std::span<const Type> types,
              const ManifestEntry& entry) {
  const DataFile& file = *entry.file;
  const bool added = entry.status == ManifestEntry::Status::kAdded;
  const bool inherits = added && file.data_sequence_number == draft.sequence_number;
  const bool existing = entry.status == ManifestEntry::Status::kExisting;
  out.PutInt(static_cast<std::int64_t>(entry.status));
  PutOptionalLong(out, existing ? file.added_by.value() : draft.snapshot.value());
  PutOptionalLong(out, inherits ? std::nullopt : std::optional(file.data_sequence_number));
  PutOptionalLong(out, added ? std::nullopt : std::optional(file.file_sequence_number));
  out.PutInt(static_cast<std::int64_t>(file.content));
  out.PutBytes(file.path);
  out.PutBytes(file.format_name());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const bool has = i < file.partition.size();
    PutPartitionValue(out, types[i], has ? file.partition[i] : std::nullopt);
  }
  out.PutInt(file.row_count);
  out.PutInt(file.size_bytes);
  PutStatistics(out, file);
  out.PutBranch(0);  // key_metadata
  PutOptionalList(out, file.split_offsets);
  PutOptionalList(out, file.equality_ids);
  PutOptionalLong(
      out, file.sort_order_id ? std::optional<std::int64_t>(*file.sort_order_id) : std::nullopt);
  PutOptionalBytes(out, file.referenced_data_file);
  out.EndRecord();
}

void Summarize(const Type& type, const std::optional<std::string>& value,
               PartitionSummary& summary) {
  if (!value) {
    summary.contains_null = true;
    return;
  }
  if (type.kind() == TypeKind::kFloat || type.kind() == TypeKind::kDouble) {
    if (std::isnan(DecodeDouble(*value).value_or(0))) {
      summary.contains_nan = true;
      return;
    }
    if (!summary.contains_nan) summary.contains_nan = false;
  }
  if (!summary.lower_bound || CompareValues(type, *value, *summary.lower_bound).value_or(0) < 0) {
    summary.lower_bound = value;
  }
  if (!summary.upper_bound || CompareValues(type, *value, *summary.upper_bound).value_or(0) > 0) {
    summary.upper_bound = value;
  }
}

// Adds an entry to the counts and partition summaries of the manifest list.
void Count(const ManifestEntry& entry, std::span<const Type> types, ManifestFile& file) {
  const DataFile& data = *entry.file;
  switch (entry.status) {
    case ManifestEntry::Status::kAdded:
      ++file.added_files;
      file.added_rows += data.row_count;
      break;
    case ManifestEntry::Status::kExisting:
      ++file.existing_files;
      file.existing_rows += data.row_count;
      break;
    case ManifestEntry::Status::kDeleted:
      ++file.deleted_files;
      file.deleted_rows += data.row_count;
      break;
  }
  if (entry.live()) {
    file.min_sequence_number = std::min(file.min_sequence_number, data.data_sequence_number);
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    const bool has = i < data.partition.size();
    Summarize(types[i], has ? data.partition[i] : std::nullopt, file.partitions[i]);
  }
}
}  // namespace

Result<WrittenManifest> WriteManifest(const ManifestDraft& draft, const TableMetadata& metadata) {
  const PartitionSpec* spec = FindSpec(metadata, draft.spec_id);
  if (spec == nullptr) {
    return Status(Code::kCorruption, fmt::format("the table has no partition spec {}: table \"{}\"",
                                                 draft.spec_id, metadata.name))
        .WithError("WH7050");
  }
  std::vector<Type> types;
  for (const PartitionField& field : spec->fields) {
    std::optional<Type> source = FindColumnType(metadata, field.source_id);
    // Its column may be missing from every schema; there is no value to write either.
    if (!source && field.transform == "void") source = Type(TypeKind::kString);
    if (!source) {
      return Status(Code::kCorruption, fmt::format("the source column of a partition field does "
                                                   "not exist: table \"{}\", field \"{}\"",
                                                   metadata.name, field.name))
          .WithError("WH7050");
    }
    WEIRHOUSE_TRY(Type type, ResultType(field.transform, *source));
    types.push_back(std::move(type));
  }
  std::string schema_json;
  AppendSchemaJson(schema_json, metadata.schema());
  std::string spec_json;
  AppendSpecFieldsJson(spec_json, *spec);
  const bool data = draft.content == ManifestFile::Content::kData;
  AvroWriter out(EntrySchema(*spec, types),
                 {{"schema", std::move(schema_json)},
                  {"schema-id", std::to_string(metadata.current_schema_id)},
                  {"partition-spec", std::move(spec_json)},
                  {"partition-spec-id", std::to_string(draft.spec_id)},
                  {"format-version", "2"},
                  {"content", data ? "data" : "deletes"}});
  WrittenManifest written;
  written.file.spec_id = draft.spec_id;
  written.file.content = draft.content;
  written.file.sequence_number = draft.sequence_number;
  written.file.min_sequence_number = draft.sequence_number;
  written.file.added_by = draft.snapshot;
  written.file.partitions.resize(types.size());
  for (const ManifestEntry& entry : draft.entries) {
    PutEntry(out, draft, types, entry);
    Count(entry, types, written.file);
  }
  written.bytes = out.Finish();
  written.file.length = static_cast<std::int64_t>(written.bytes.size());
  return written;
}

std::string WriteManifestList(std::span<const ManifestFile> manifests, SnapshotId snapshot,
                              std::optional<SnapshotId> parent, std::int64_t sequence_number) {
  AvroWriter out(std::string(kListSchema),
                 {{"snapshot-id", std::to_string(snapshot.value())},
                  {"parent-snapshot-id", parent ? std::to_string(parent->value()) : "null"},
                  {"sequence-number", std::to_string(sequence_number)},
                  {"format-version", "2"}});
  for (const ManifestFile& file : manifests) {
    out.PutBytes(file.path);
    out.PutInt(file.length);
    out.PutInt(file.spec_id);
    out.PutInt(static_cast<std::int64_t>(file.content));
    out.PutInt(file.sequence_number);
    out.PutInt(file.min_sequence_number);
    out.PutInt(file.added_by.value());
    out.PutInt(file.added_files);
    out.PutInt(file.existing_files);
    out.PutInt(file.deleted_files);
    out.PutInt(file.added_rows);
    out.PutInt(file.existing_rows);
    out.PutInt(file.deleted_rows);
    out.PutBranch(1);
    if (!file.partitions.empty()) out.PutInt(static_cast<std::int64_t>(file.partitions.size()));
    for (const PartitionSummary& summary : file.partitions) {
      out.PutBoolean(summary.contains_null);
      out.PutBranch(summary.contains_nan ? 1 : 0);
      if (summary.contains_nan) out.PutBoolean(*summary.contains_nan);
      PutOptionalBytes(out, summary.lower_bound);
      PutOptionalBytes(out, summary.upper_bound);
    }
    out.PutInt(0);
    out.PutBranch(0);  // key_metadata
    out.EndRecord();
  }
  return out.Finish();
}
}  // namespace weirhouse::iceberg
