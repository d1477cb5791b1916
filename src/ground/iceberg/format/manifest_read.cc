#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/format/avro.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

Status MissingField(const std::string& path, std::string_view what, int id) {
  return Status(Code::kCorruption, fmt::format("{} lacks required field {}: {}", what, id, path))
      .WithError("WH7053");
}

std::optional<std::int64_t> IntAt(const AvroValue& record, int id) {
  const AvroValue* value = record.Find(id);
  if (value == nullptr || !value->is_integer()) return std::nullopt;
  return value->integer;
}
std::optional<std::string> TextAt(const AvroValue& record, int id) {
  const AvroValue* value = record.Find(id);
  if (value == nullptr || !value->is_text()) return std::nullopt;
  return std::string(value->bytes);
}

std::vector<PartitionSummary> SummariesOf(const AvroValue& record) {
  std::vector<PartitionSummary> out;
  const AvroValue* list = record.Find(507);
  if (list == nullptr) return out;
  for (const AvroValue& item : list->items) {
    PartitionSummary summary;
    summary.contains_null = IntAt(item, 509).value_or(1) != 0;
    if (const auto nan = IntAt(item, 518)) summary.contains_nan = *nan != 0;
    summary.lower_bound = TextAt(item, 510);
    summary.upper_bound = TextAt(item, 511);
    out.push_back(std::move(summary));
  }
  return out;
}

Result<ManifestFile> ManifestFileOf(const AvroValue& record, const std::string& path) {
  ManifestFile file;
  const auto manifest_path = TextAt(record, 500);
  if (!manifest_path) return MissingField(path, "manifest list", 500);
  file.path = *manifest_path;
  file.length = IntAt(record, 501).value_or(0);
  file.spec_id = static_cast<int>(IntAt(record, 502).value_or(0));
  const std::int64_t content = IntAt(record, 517).value_or(0);  // v1 lists have data only
  if (content < 0 || content > 1) return MissingField(path, "manifest list", 517);
  file.content = static_cast<ManifestFile::Content>(content);
  file.sequence_number = IntAt(record, 515).value_or(0);
  file.min_sequence_number = IntAt(record, 516).value_or(0);
  file.added_by = SnapshotId(IntAt(record, 503).value_or(0));
  // Version 1 writers may omit the counts: then assume live files, which costs one read.
  file.added_files = IntAt(record, 504).value_or(1);
  file.existing_files = IntAt(record, 505).value_or(1);
  file.deleted_files = IntAt(record, 506).value_or(0);
  file.added_rows = IntAt(record, 512).value_or(0);
  file.existing_rows = IntAt(record, 513).value_or(0);
  file.deleted_rows = IntAt(record, 514).value_or(0);
  file.partitions = SummariesOf(record);
  return file;
}

// Visits the pairs of a map with int keys: an array of records {key, value}.
template <typename Visit>
void EachPair(const AvroValue& record, int id, int key_id, int value_id, Visit&& visit) {
  const AvroValue* list = record.Find(id);
  if (list == nullptr || list->type->kind != AvroType::Kind::kArray) return;
  for (const AvroValue& pair : list->items) {
    const AvroValue* key = pair.Find(key_id);
    const AvroValue* value = pair.Find(value_id);
    if (key == nullptr && value == nullptr && pair.items.size() == 2) {  // ids left out
      key = &pair.items[0];
      value = &pair.items[1];
    }
    if (key == nullptr || value == nullptr || !key->is_integer()) continue;
    visit(static_cast<int>(key->integer), *value);
  }
}

void ReadStatistics(const AvroValue& record, DataFile& file) {
  EachPair(record, 108, 117, 118, [&](int column, const AvroValue& value) {
    file.columns[column].size_bytes = value.integer;
  });
  EachPair(record, 109, 119, 120, [&](int column, const AvroValue& value) {
    file.columns[column].value_count = value.integer;
  });
  EachPair(record, 110, 121, 122, [&](int column, const AvroValue& value) {
    file.columns[column].null_count = value.integer;
  });
  EachPair(record, 137, 138, 139, [&](int column, const AvroValue& value) {
    file.columns[column].nan_count = value.integer;
  });
  EachPair(record, 125, 126, 127, [&](int column, const AvroValue& value) {
    file.columns[column].lower_bound = std::string(value.bytes);
  });
  EachPair(record, 128, 129, 130, [&](int column, const AvroValue& value) {
    file.columns[column].upper_bound = std::string(value.bytes);
  });
}

// The single-value bytes of a partition value, whichever Avro type the writer chose.
std::optional<std::string> PartitionBytes(const AvroValue& value, const std::optional<Type>& type) {
  switch (value.type->kind) {
    case AvroType::Kind::kBoolean:
      return std::string(1, static_cast<char>(value.integer));
    case AvroType::Kind::kInt:
    case AvroType::Kind::kLong: {
      const bool narrow = type ? type->IsOneOf({TypeKind::kInt, TypeKind::kDate})
                               : value.type->kind == AvroType::Kind::kInt;
      return narrow ? EncodeInt(static_cast<std::int32_t>(value.integer))
                    : EncodeLong(value.integer);
    }
    case AvroType::Kind::kFixed:
    case AvroType::Kind::kBytes:
      if (type && ShapeOf(*type).precision > 0 && value.bytes.size() <= 16) {
        return EncodeUnscaled(DecodeUnscaled(value.bytes));
      }
      return std::string(value.bytes);
    case AvroType::Kind::kFloat:
    case AvroType::Kind::kDouble:
    case AvroType::Kind::kString:
      return std::string(value.bytes);
    default:
      return std::nullopt;
  }
}

void ReadPartition(const AvroValue& record, const PartitionSpec& spec,
                   const std::vector<std::optional<Type>>& types, DataFile& file) {
  file.partition.resize(spec.fields.size());
  const AvroValue* tuple = record.Find(102);
  if (tuple == nullptr) return;
  for (std::size_t i = 0; i < spec.fields.size(); ++i) {
    const AvroValue* value = tuple->Find(spec.fields[i].field_id);
    for (std::size_t k = 0; value == nullptr && k < tuple->items.size(); ++k) {
      const AvroType::Field& field = tuple->type->fields[k];
      const bool named = field.field_id < 0 && field.name == spec.fields[i].name;
      if (named && !tuple->items[k].is_null()) value = &tuple->items[k];
    }
    if (value != nullptr) file.partition[i] = PartitionBytes(*value, types[i]);
  }
}

class ManifestReader {
 public:
  ManifestReader(const TableMetadata& metadata, const ManifestFile& manifest)
      : manifest_(manifest) {
    static const PartitionSpec kNone;
    const PartitionSpec* spec = FindSpec(metadata, manifest.spec_id);
    spec_ = spec != nullptr ? spec : &kNone;
    types_ = PartitionTypes(metadata, *spec_);
  }

  Result<ManifestEntry> StatDescriptor(const AvroValue& record) const {
    const auto status = IntAt(record, 0);
    const AvroValue* data = record.Find(2);
    if (!status || *status < 0 || *status > 2) return MissingField(manifest_.path, "manifest", 0);
    if (data == nullptr) return MissingField(manifest_.path, "manifest", 2);
    ManifestEntry entry;
    entry.status = static_cast<ManifestEntry::Status>(*status);
    WEIRHOUSE_TRY(DataFile file, FileOf(*data));
    file.added_by = SnapshotId(IntAt(record, 1).value_or(manifest_.added_by.value()));
    // Only added entries inherit; version 1 manifests have no sequence numbers, which count as 0.
    const bool added = entry.status == ManifestEntry::Status::kAdded;
    const std::int64_t inherited = added ? manifest_.sequence_number : 0;
    file.data_sequence_number = IntAt(record, 3).value_or(inherited);
    file.file_sequence_number = IntAt(record, 4).value_or(inherited);
    entry.file = std::make_shared<const DataFile>(std::move(file));
    return entry;
  }

 private:
  Result<DataFile> FileOf(const AvroValue& record) const {
    DataFile file;
    const auto path = TextAt(record, 100);
    if (!path) return MissingField(manifest_.path, "manifest", 100);
    const auto rows = IntAt(record, 103);
    if (!rows || *rows < 0) return MissingField(manifest_.path, "manifest", 103);
    const std::int64_t content = IntAt(record, 134).value_or(0);
    if (content < 0 || content > 2) return MissingField(manifest_.path, "manifest", 134);
    file.path = *path;
    file.row_count = *rows;
    file.content = static_cast<DataFile::Content>(content);
    if (const auto name = TextAt(record, 101)) file.SetFormat(*name);
    file.spec_id = manifest_.spec_id;
    file.size_bytes = IntAt(record, 104).value_or(0);
    ReadPartition(record, *spec_, types_, file);
    ReadStatistics(record, file);
    if (const AvroValue* list = record.Find(132)) {
      for (const AvroValue& offset : list->items) file.split_offsets.push_back(offset.integer);
    }
    if (const AvroValue* list = record.Find(135)) {
      for (const AvroValue& id : list->items) {
        file.equality_ids.push_back(static_cast<int>(id.integer));
      }
    }
    if (const auto id = IntAt(record, 140)) file.sort_order_id = static_cast<int>(*id);
    file.referenced_data_file = TextAt(record, 143);
    file.content_offset = IntAt(record, 144);
    file.content_size_bytes = IntAt(record, 145);
    return file;
  }

  const ManifestFile& manifest_;
  const PartitionSpec* spec_;
  std::vector<std::optional<Type>> types_;
};
}  // namespace

const PartitionSpec* FindSpec(const TableMetadata& metadata, int spec_id) {
  for (const PartitionSpec& spec : metadata.specs) {
    if (spec.spec_id == spec_id) return &spec;
  }
  return nullptr;
}

std::optional<Type> FindColumnType(const TableMetadata& metadata, int field_id) {
  if (const auto field = FindAtAnyDepth(metadata.schema(), field_id)) return field->type;
  for (auto it = metadata.schemas.rbegin(); it != metadata.schemas.rend(); ++it) {
    if (const auto field = FindAtAnyDepth(*it, field_id)) return field->type;
  }
  return std::nullopt;
}

std::vector<std::optional<Type>> PartitionTypes(const TableMetadata& metadata,
                                                const PartitionSpec& spec) {
  std::vector<std::optional<Type>> types;
  for (const PartitionField& field : spec.fields) {
    const std::optional<Type> source = FindColumnType(metadata, field.source_id);
    std::optional<Type> type;
    if (source) {
      if (Result<Type> result = ResultType(field.transform, *source); result.ok()) {
        type = std::move(result).value();
      }
    }
    types.push_back(std::move(type));
  }
  return types;
}

std::shared_ptr<const Manifest> MakeManifest(std::vector<ManifestEntry> entries) {
  auto manifest = std::make_shared<Manifest>();
  manifest->entries = std::move(entries);
  manifest->weight_bytes = sizeof(Manifest);
  for (std::size_t i = 0; i < manifest->entries.size(); ++i) {
    const ManifestEntry& entry = manifest->entries[i];
    if (entry.live()) manifest->live_by_path[entry.file->path] = i;
    manifest->weight_bytes += 500 + entry.file->path.size() + entry.file->columns.size() * 220;
  }
  return manifest;
}

Result<std::vector<ManifestFile>> ParseManifestList(std::string_view bytes,
                                                    const std::string& path) {
  Result<AvroReader> opened = AvroReader::Open(bytes);
  if (!opened.ok()) return opened.status().WithContext(path);
  AvroReader reader = std::move(opened).value();
  std::vector<ManifestFile> manifests;
  for (;;) {
    Result<const AvroValue*> record = reader.Next();
    if (!record.ok()) return record.status().WithContext(path);
    if (*record == nullptr) return manifests;
    WEIRHOUSE_TRY(ManifestFile file, ManifestFileOf(**record, path));
    manifests.push_back(std::move(file));
  }
}

Result<std::shared_ptr<const Manifest>> ParseManifest(std::string_view bytes,
                                                      const TableMetadata& metadata,
                                                      const ManifestFile& file) {
  Result<AvroReader> opened = AvroReader::Open(bytes);
  if (!opened.ok()) return opened.status().WithContext(file.path);
  AvroReader reader = std::move(opened).value();
  const ManifestReader entries(metadata, file);
  std::vector<ManifestEntry> out;
  for (;;) {
    Result<const AvroValue*> record = reader.Next();
    if (!record.ok()) return record.status().WithContext(file.path);
    if (*record == nullptr) return MakeManifest(std::move(out));
    WEIRHOUSE_TRY(ManifestEntry entry, entries.StatDescriptor(**record));
    out.push_back(std::move(entry));
  }
}
}  // namespace weirhouse::iceberg
