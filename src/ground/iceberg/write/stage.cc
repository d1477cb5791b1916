#include "ground/iceberg/write/stage.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/write/stage_state.h"
#include "ground/platform/io/inflate.h"

namespace weirhouse::iceberg {
namespace {

constexpr int kFirstSpecField = 1000;

// Longer metadata is gzipped, to about a seventh of its size, because it is written whole at each
// commit. Shorter metadata stays readable as text.
constexpr std::size_t kPlainMetadataBytesMax = 16u << 10;
constexpr char kCodecProperty[] = "write.metadata.compression-codec";  // Iceberg's: none | gzip

const Schema* SchemaById(const TableMetadata& metadata, int schema_id) {
  for (const Schema& schema : metadata.schemas) {
    if (schema.schema_id == schema_id) return &schema;
  }
  return nullptr;
}

bool SameFields(const Schema& a, const Schema& b) {
  return a.fields == b.fields && a.identifier_field_ids == b.identifier_field_ids;
}

// The 5-digit version at the head of a metadata file's name, or -1.
int VersionOfFile(const std::string& location) {
  const auto slash = location.rfind('/');
  const std::string_view name =
      std::string_view(location).substr(slash == std::string::npos ? 0 : slash + 1);
  int version = 0;
  std::size_t digits = 0;
  while (digits < name.size() && digits < 8 && name[digits] >= '0' && name[digits] <= '9') {
    version = version * 10 + (name[digits] - '0');
    ++digits;
  }
  return digits > 0 && digits < name.size() && name[digits] == '-' ? version : -1;
}

bool WantsGzip(const TableMetadata& metadata, std::string_view json) {
  const auto codec = metadata.properties.find(kCodecProperty);
  if (codec == metadata.properties.end()) return json.size() > kPlainMetadataBytesMax;
  return codec->second == "gzip" || codec->second == "GZIP";
}
}  // namespace

StagedWrite::State::State(platform::ObjectStore& the_store, TablePtr the_base, Random& the_random,
                          StageOptions the_options)
    : store(the_store),
      base(std::move(the_base)),
      random(the_random),
      options(std::move(the_options)),
      next(*base) {
  parent = base->FindRef(options.ref);
  const bool from_main = parent == nullptr;
  if (from_main) parent = base->current_snapshot();
  // A staging ref may have a schema that main does not have yet.
  const Schema* of_ref =
      !from_main && options.ref != "main" ? SchemaById(*base, parent->schema_id) : nullptr;
  schema = of_ref != nullptr ? *of_ref : base->schema();
}

Status StagedWrite::State::Write(catalog::FileKind kind, const std::string& path,
                                 std::string_view bytes) {
  WEIRHOUSE_TRY_STATUS(store.Write(LocalPath(path), bytes));
  Remember(kind, path, static_cast<std::int64_t>(bytes.size()), Sha256Of(bytes));
  return Status::Ok();
}

StagedWrite::StagedWrite(platform::ObjectStore& store, TablePtr base, Random& random,
                         StageOptions options)
    : state_(std::make_unique<State>(store, std::move(base), random, std::move(options))) {}
StagedWrite::~StagedWrite() = default;
StagedWrite::StagedWrite(StagedWrite&&) noexcept = default;

Status StagedWrite::SetSchema(const Schema& proposed) {
  State& state = *state_;
  WEIRHOUSE_CHECK(state.added.empty());  // all files must have one schema
  TableMetadata& next = state.next;
  WEIRHOUSE_TRY(Schema evolved, EvolveSchema(state.schema, proposed, next.last_column_id));
  if (SameFields(evolved, state.schema)) return Status::Ok();
  int greatest_id = 0;
  const Schema* known = nullptr;
  for (const Schema& schema : next.schemas) {
    greatest_id = std::max(greatest_id, schema.schema_id);
    if (SameFields(schema, evolved)) known = &schema;
  }
  evolved.schema_id = known != nullptr ? known->schema_id : greatest_id + 1;
  if (known == nullptr) next.schemas.push_back(evolved);
  for (const Field& field : evolved.fields) {
    next.last_column_id = std::max(next.last_column_id, field.id);
  }
  // A staged schema must not show in main; publishing the ref makes it current.
  if (state.options.ref == "main" || next.current_snapshot() == nullptr) {
    next.current_schema_id = evolved.schema_id;
  }
  state.schema = std::move(evolved);
  state.schema_changed = true;
  return Status::Ok();
}

Status StagedWrite::DeleteRows(std::span<const RowPosition> rows) {
  std::vector<std::int64_t>* list = nullptr;
  const std::string* last = nullptr;
  for (const RowPosition& row : rows) {
    if (row.position < 0) {
      return Status(Code::kInvalidInput,
                    fmt::format("row position {} is negative: {}", row.position, row.file))
          .WithError("WH7058");
    }
    if (last == nullptr || *last != row.file) {
      list = &state_->deleted_rows[row.file];
      last = &row.file;
    }
    list->push_back(row.position);
  }
  return Status::Ok();
}

Status StagedWrite::RemoveFiles(std::span<const std::string> data_files) {
  state_->removed_files.insert(data_files.begin(), data_files.end());
  return Status::Ok();
}

Status StagedWrite::RemoveAllFiles() {
  state_->remove_all = state_->parent != nullptr;
  return Status::Ok();
}

void StagedWrite::SetProperty(const std::string& key, const std::string& value) {
  std::string& held = state_->next.properties[key];
  if (held == value) return;
  held = value;
  state_->properties_changed = true;
}

Result<StagedTable> StagedWrite::Finish() {
  State& state = *state_;
  const bool is_new = state.base->metadata_location.empty();
  if (is_new || state.changes_data() || state.schema_changed || state.properties_changed) {
    return CommitStaged(state);
  }
  StagedTable same;
  same.table = state.base;
  same.change.name = state.base->name;
  same.change.uuid = state.base->uuid;
  same.change.expected_metadata_location = state.base->metadata_location;
  same.change.metadata_location = state.base->metadata_location;
  return same;
}

namespace {
// Removes the statistics of expired snapshots, which can no longer be read.
void DropStatistics(TableMetadata& metadata, const std::set<SnapshotId>& kept) {
  for (const char* key : {"statistics", "partition-statistics"}) {
    const auto held = metadata.other_keys.find(key);
    if (held == metadata.other_keys.end()) continue;
    const auto list = nlohmann::json::parse(held->second, nullptr, /*allow_exceptions=*/false);
    if (!list.is_array()) continue;
    auto left = nlohmann::json::array();
    for (const auto& item : list) {
      const auto id = item.is_object() ? item.find("snapshot-id") : item.end();
      const bool known = id != item.end() && id->is_number_integer();
      if (!known || kept.contains(SnapshotId(id->get<std::int64_t>()))) left.push_back(item);
    }
    held->second = left.dump();
  }
}
}  // namespace

void ExpireSnapshots(TableMetadata& metadata, int keep) {
  std::set<SnapshotId> named;
  for (const auto& [name, ref] : metadata.refs) named.insert(ref.snapshot);
  const std::size_t count = metadata.snapshots.size();
  const std::size_t kept_from =
      count > static_cast<std::size_t>(keep) ? count - static_cast<std::size_t>(keep) : 0;
  std::vector<Snapshot> kept;
  kept.reserve(count);
  std::set<SnapshotId> kept_ids;
  for (std::size_t i = 0; i < count; ++i) {
    Snapshot& snapshot = metadata.snapshots[i];
    if (i < kept_from && !named.contains(snapshot.id)) continue;
    kept_ids.insert(snapshot.id);
    kept.push_back(std::move(snapshot));
  }
  metadata.snapshots = std::move(kept);
  if (metadata.snapshots.size() < count) DropStatistics(metadata, kept_ids);
  // With a gap the log would name the wrong snapshot for a time, so no entry before the last
  // expired one is kept.
  std::vector<std::pair<std::int64_t, SnapshotId>> log;
  for (const auto& entry : metadata.snapshot_log) {
    if (kept_ids.contains(entry.second)) {
      log.push_back(entry);
    } else {
      log.clear();
    }
  }
  metadata.snapshot_log = std::move(log);
}

Result<StagedTable> WriteNextMetadata(platform::ObjectStore& store, const TablePtr& base,
                                      Random& random, TableMetadata next, ProcessTime now,
                                      std::vector<catalog::FileRecord> records) {
  const std::int64_t now_ms = Micros(now) / 1000;
  next.last_updated_ms = std::max(now_ms, base->last_updated_ms);  // times never go back
  StagedTable staged;
  staged.change.name = base->name;
  staged.change.uuid = base->uuid;
  if (!base->metadata_location.empty()) {
    staged.change.expected_metadata_location = base->metadata_location;
    next.metadata_log.emplace_back(base->last_updated_ms, base->metadata_location);
    if (next.metadata_log.size() > kMetadataLogMax) {
      next.metadata_log.erase(next.metadata_log.begin(), next.metadata_log.end() - kMetadataLogMax);
    }
  }
  std::string bytes = SerializeTableMetadata(next);
  const bool gzip = WantsGzip(next, bytes);
  if (gzip) bytes = platform::Deflate(bytes, platform::DeflateForm::kGzip);
  // Readers recognise compression by the file name.
  next.metadata_location =
      fmt::format("{}/metadata/{:05}-{}{}.metadata.json", next.location,
                  VersionOfFile(base->metadata_location) + 1, random.Uuid4(), gzip ? ".gz" : "");
  WEIRHOUSE_FAILPOINT("table.stage.metadata");
  const std::string path = LocalPath(next.metadata_location);
  WEIRHOUSE_TRY_STATUS(store.Write(path, bytes));
  catalog::FileRecord record;
  record.path = path;
  record.table = next.name;
  record.kind = catalog::FileKind::kMetadata;
  record.size_bytes = static_cast<std::int64_t>(bytes.size());
  record.sha256 = Sha256Of(bytes);
  records.push_back(std::move(record));
  staged.change.metadata_location = next.metadata_location;
  staged.change.places = PlacesOf(next);
  staged.files = std::move(records);
  for (const catalog::FileRecord& file : staged.files) staged.paths_to_sync.push_back(file.path);
  staged.table = std::make_shared<const TableMetadata>(std::move(next));
  KeepTable(store, staged.table);
  return staged;
}

Result<TablePtr> MakeTable(const NewTable& table, Random& random, Clock& clock) {
  auto metadata = std::make_shared<TableMetadata>();
  metadata->name = table.name;
  metadata->location = table.location;
  metadata->uuid = random.Uuid4();
  metadata->last_updated_ms = Micros(clock.Now()) / 1000;
  metadata->schemas = {table.schema};
  metadata->current_schema_id = table.schema.schema_id;
  for (const Field& field : table.schema.fields) {
    metadata->last_column_id = std::max(metadata->last_column_id, field.id);
  }
  metadata->specs = {table.spec};
  metadata->default_spec_id = table.spec.spec_id;
  metadata->last_partition_id = kFirstSpecField - 1;
  for (const PartitionField& field : table.spec.fields) {
    metadata->last_partition_id = std::max(metadata->last_partition_id, field.field_id);
  }
  std::vector<std::string> names;
  SortOrder order;
  for (const Field& field : table.schema.fields) names.push_back(field.name);
  for (const std::string& column : table.sort_columns) {
    const Field* field = table.schema.Find(column);
    if (field == nullptr) {
      return Status(Code::kInvalidInput,
                    fmt::format("the sort column is not in the table: table \"{}\", column \"{}\"",
                                table.name, column))
          .WithError("WH7056")
          .WithHint(DidYouMean(column, names));
    }
    order.fields.push_back({field->id, /*ascending=*/true, /*nulls_first=*/true});
  }
  if (!order.fields.empty()) {
    order.order_id = 1;
    metadata->default_sort_order_id = 1;
    metadata->sort_orders.push_back(std::move(order));
  }
  metadata->properties = table.properties;
  return TablePtr(std::move(metadata));
}

Result<StagedTable> StageRefs(platform::ObjectStore& store, TablePtr base, Random& random,
                              std::span<const RefChange> changes, ProcessTime now) {
  TableMetadata next = *base;
  std::vector<catalog::SnapshotRecord> records;
  const std::int64_t now_ms = std::max(Micros(now) / 1000, base->last_updated_ms);
  for (const RefChange& change : changes) {
    if (!change.snapshot) {
      next.refs.erase(change.ref);
      if (change.ref == "main") next.snapshot_log.clear();
      continue;
    }
    const Snapshot* snapshot = next.FindSnapshot(*change.snapshot);
    if (snapshot == nullptr) {
      return Status(Code::kNotFound, fmt::format("the table has no snapshot {}: table \"{}\"",
                                                 change.snapshot->value(), base->name))
          .WithError("WH7059")
          .WithHint(fmt::format("tables keep the last {} snapshots", kSnapshotsKept));
    }
    SnapshotRef& ref = next.refs[change.ref];
    const bool moved = ref.snapshot != snapshot->id;
    ref.snapshot = snapshot->id;
    ref.type = change.type;
    if (change.ref != "main" || !moved) continue;
    next.snapshot_log.emplace_back(now_ms, snapshot->id);
    if (SchemaById(next, snapshot->schema_id) != nullptr) {
      next.current_schema_id = std::max(next.current_schema_id, snapshot->schema_id);
    }
    records.push_back(RecordOf(next, *snapshot, "main"));
  }
  ExpireSnapshots(next);
  WEIRHOUSE_TRY(StagedTable staged,
                WriteNextMetadata(store, base, random, std::move(next), now, {}));
  staged.snapshots = std::move(records);
  return staged;
}
}  // namespace weirhouse::iceberg
