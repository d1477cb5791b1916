#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/type/value.h"
#include "ground/iceberg/write/commit_summary.h"
#include "ground/iceberg/write/delete_merge.h"
#include "ground/iceberg/write/stage.h"
#include "ground/iceberg/write/stage_state.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::int64_t kSmallManifestBytes = 8 << 20;  // larger ones are not merged again

constexpr char kIdempotencyKeyKey[] = "weirhouse.idempotency-key";

constexpr int kDeletedPathId = 2147483546;
constexpr int kPositionId = 2147483545;

using Content = ManifestFile::Content;

Content ContentOf(const DataFile& file) {
  return file.content == DataFile::Content::kData ? Content::kData : Content::kDeletes;
}

// Builds one snapshot: decides which manifests are kept, which are rewritten, and what is new.
class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(StagedWrite::State& state)
      : state_(state), sequence_number_(state.base->last_sequence_number + 1) {}

  Result<Snapshot> Build();

 private:
  using Group = std::pair<Content, int>;  // manifests hold one content and one partition spec

  Status LoadParent();
  Result<const DataFile*> FindLive(std::string_view path);
  const DataFile* FindKept(std::string_view path) const;
  Status WritePositionDeletes();
  Status MergePositionDeletes();
  Result<DataFile> WriteDeleteFile(int spec_id,
                                   const std::vector<std::optional<std::string>>& partition,
                                   const PositionDeletes& deletes);
  Status DropEverything();
  Status DropRemovedFiles();
  Status RewriteWithout(const ManifestFile& file, const Manifest& manifest);
  Result<bool> IsDangling(const DataFile& deletes);
  Status CountMaskedRows();
  void AddNewFiles();
  bool CanWriteSpec(int spec_id) const;
  Status MergeSmall();
  Status WriteManifests();
  Result<Snapshot> Conclude();

  StagedWrite::State& state_;
  std::int64_t sequence_number_;
  SnapshotId id_;
  std::string uuid_;
  ManifestList parent_manifests_;
  std::vector<ManifestFile> kept_;
  std::map<Group, std::vector<ManifestEntry>> drafts_;
  std::vector<std::shared_ptr<const Manifest>> data_manifests_;
  std::vector<std::pair<ManifestFile, std::shared_ptr<const Manifest>>> delete_manifests_;
  std::vector<DataFile> delete_files_;                            // new ones
  std::int64_t min_data_sequence_ = 0;                            // of data files that are kept
  std::map<std::string, std::int64_t, std::less<>> masked_rows_;  // of removed files
  std::vector<ManifestFile> written_;
  std::int64_t replaced_ = 0;
  CommitSummary summary_;
};

Status SnapshotBuilder::LoadParent() {
  if (state_.parent == nullptr) return Status::Ok();
  WEIRHOUSE_TRY(const std::shared_ptr<const ManifestList> list,
                LoadManifestList(state_.store, state_.parent->manifest_list));
  parent_manifests_ = *list;
  if (state_.deleted_rows.empty() && state_.removed_files.empty() &&
      state_.merged_deletes.empty()) {
    return Status::Ok();
  }
  for (const ManifestFile& file : parent_manifests_) {
    if (!file.has_live_files()) continue;
    WEIRHOUSE_TRY(std::shared_ptr<const Manifest> manifest,
                  LoadManifest(state_.store, state_.next, file));
    if (file.content == Content::kData) {
      data_manifests_.push_back(std::move(manifest));
    } else {
      delete_manifests_.emplace_back(file, std::move(manifest));
    }
  }
  return Status::Ok();
}

Result<const DataFile*> SnapshotBuilder::FindLive(std::string_view path) {
  for (const auto& manifest : data_manifests_) {
    const auto it = manifest->live_by_path.find(path);
    if (it != manifest->live_by_path.end()) return manifest->entries[it->second].file.get();
  }
  for (const DataFile& file : state_.added) {
    if (file.path == path) return &file;
  }
  return Status(Code::kInvalidInput,
                fmt::format("the file is not in the table: table \"{}\", file \"{}\"",
                            state_.next.name, path))
      .WithError("WH7058")
      .WithHint("another commit may have rewritten it: plan the change again on the new snapshot");
}

// The parent's data file at `path` if this write keeps it; else nullptr.
const DataFile* SnapshotBuilder::FindKept(std::string_view path) const {
  if (state_.removed_files.contains(path)) return nullptr;
  for (const auto& manifest : data_manifests_) {
    const auto it = manifest->live_by_path.find(path);
    if (it != manifest->live_by_path.end()) return manifest->entries[it->second].file.get();
  }
  return nullptr;
}

Result<DataFile> SnapshotBuilder::WriteDeleteFile(
    int spec_id, const std::vector<std::optional<std::string>>& partition,
    const PositionDeletes& deletes) {
  arrow::StringBuilder paths;
  arrow::Int64Builder positions;
  arrow::Status built;
  for (const auto& [path, list] : deletes) {
    for (const std::int64_t position : list) {
      if (built.ok()) built = paths.Append(path);
      if (built.ok()) built = positions.Append(position);
    }
  }
  const auto path_array = paths.Finish();
  const auto position_array = positions.Finish();
  if (!built.ok() || !path_array.ok() || !position_array.ok()) {
    return Status(Code::kInternal, "arrow: position deletes do not fit in memory");
  }
  const auto field = [](const char* name, std::shared_ptr<arrow::DataType> type, int id) {
    return arrow::field(name, std::move(type), /*nullable=*/false,
                        arrow::KeyValueMetadata::Make({"PARQUET:field_id"}, {std::to_string(id)}));
  };
  const auto table =
      arrow::Table::Make(arrow::schema({field("file_path", arrow::utf8(), kDeletedPathId),
                                        field("pos", arrow::int64(), kPositionId)}),
                         {*path_array, *position_array});
  DataFile file;
  file.content = DataFile::Content::kPositionDeletes;
  file.spec_id = spec_id;
  file.partition = partition;
  const PartitionSpec* spec = FindSpec(state_.next, spec_id);
  WEIRHOUSE_CHECK(spec != nullptr);  // FindLive's file was written under it
  file.path = state_.NewDataPath(*spec, partition, "-deletes");
  platform::ParquetOptions options;
  options.delta_columns = {"pos"};
  WEIRHOUSE_FAILPOINT("table.stage.deletes");
  WEIRHOUSE_TRY(platform::ParquetFile written,
                platform::WriteParquet(state_.store, LocalPath(file.path), *table, options));
  state_.Remember(catalog::FileKind::kDeletes, file.path, written.size_bytes, written.sha256);
  file.row_count = written.row_count;
  file.size_bytes = written.size_bytes;
  file.columns = std::move(written.columns);
  file.split_offsets = std::move(written.split_offsets);
  // Whole paths, not cut to 16 characters: readers use these bounds to find the data files
  // concerned.
  file.columns[kDeletedPathId].lower_bound = deletes.begin()->first;
  file.columns[kDeletedPathId].upper_bound = deletes.rbegin()->first;
  if (deletes.size() == 1) file.referenced_data_file = deletes.begin()->first;
  return file;
}

// One file per partition touched, sorted by path and position, as the specification wants.
Status SnapshotBuilder::WritePositionDeletes() {
  std::map<std::pair<int, std::vector<std::optional<std::string>>>, PositionDeletes> groups;
  for (auto& [path, positions] : state_.deleted_rows) {
    WEIRHOUSE_TRY(const DataFile* file, FindLive(path));
    std::sort(positions.begin(), positions.end());
    positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
    if (positions.back() >= file->row_count) {
      return Status(Code::kInvalidInput,
                    fmt::format("row {} is beyond the end of a file of {} rows: \"{}\"",
                                positions.back(), file->row_count, path))
          .WithError("WH7058");
    }
    if (state_.removed_files.contains(path)) continue;  // the whole file is removed
    summary_.AddMaskedRows(static_cast<std::int64_t>(positions.size()));
    groups[{file->spec_id, file->partition}][path] = positions;
  }
  for (auto& [key, deletes] : groups) {
    WEIRHOUSE_TRY(DataFile file, WriteDeleteFile(key.first, key.second, deletes));
    KeepPositionDeletes(state_.store, file.path,
                        std::make_shared<const PositionDeletes>(std::move(deletes)));
    delete_files_.push_back(std::move(file));
  }
  return Status::Ok();
}

// Writes the positions of the merged files that are in kept data files into one file per partition.
// It gets the new sequence number; that is correct, because no data file that it names is younger
// than the merged file that named it.
Status SnapshotBuilder::MergePositionDeletes() {
  std::map<std::pair<int, std::vector<std::optional<std::string>>>, PositionDeletes> groups;
  for (const auto& [manifest_file, manifest] : delete_manifests_) {
    for (const ManifestEntry& entry : manifest->entries) {
      if (!entry.live() || !state_.merged_deletes.contains(entry.file->path)) continue;
      WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> deletes,
                    LoadPositionDeletes(state_.store, *entry.file));
      for (const auto& [path, positions] : *deletes) {
        const DataFile* file = FindKept(path);
        if (file == nullptr || file->spec_id != entry.file->spec_id ||
            file->partition != entry.file->partition ||
            file->data_sequence_number > entry.file->data_sequence_number) {
          continue;
        }
        auto& list = groups[{file->spec_id, file->partition}][path];
        list.insert(list.end(), positions.begin(), positions.end());
      }
    }
  }
  for (auto& [key, deletes] : groups) {
    for (auto& [path, positions] : deletes) {
      std::sort(positions.begin(), positions.end());
      positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
    }
    WEIRHOUSE_TRY(DataFile file, WriteDeleteFile(key.first, key.second, deletes));
    KeepPositionDeletes(state_.store, file.path,
                        std::make_shared<const PositionDeletes>(std::move(deletes)));
    delete_files_.push_back(std::move(file));
  }
  return Status::Ok();
}

Status SnapshotBuilder::DropEverything() {
  for (const ManifestFile& file : parent_manifests_) {
    if (!file.has_live_files()) continue;
    ++replaced_;
    WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                  LoadManifest(state_.store, state_.next, file));
    for (const ManifestEntry& entry : manifest->entries) {
      if (!entry.live()) continue;
      summary_.Remove(*entry.file);
      drafts_[{file.content, file.spec_id}].push_back(
          {ManifestEntry::Status::kDeleted, entry.file});
    }
  }
  return Status::Ok();
}

// Counts the deleted rows of the removed files, in one pass over the position deletes.
Status SnapshotBuilder::CountMaskedRows() {
  std::map<std::string_view, std::int64_t> going;  // removed files, and their sequence numbers
  for (const std::string& path : state_.removed_files) {
    WEIRHOUSE_TRY(const DataFile* file, FindLive(path));
    going[path] = file->data_sequence_number;
  }
  if (going.empty()) return Status::Ok();
  std::map<std::string_view, std::vector<std::int64_t>> masked;
  for (const auto& [manifest_file, manifest] : delete_manifests_) {
    for (const ManifestEntry& entry : manifest->entries) {
      if (!entry.live() || entry.file->content != DataFile::Content::kPositionDeletes) continue;
      WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> deletes,
                    LoadPositionDeletes(state_.store, *entry.file));
      for (const auto& [path, positions] : *deletes) {
        const auto file = going.find(path);
        if (file == going.end() || entry.file->data_sequence_number < file->second) continue;
        auto& list = masked[file->first];
        list.insert(list.end(), positions.begin(), positions.end());
      }
    }
  }
  for (auto& [path, list] : masked) {
    std::sort(list.begin(), list.end());
    const auto end = std::unique(list.begin(), list.end());
    masked_rows_[std::string(path)] = std::distance(list.begin(), end);
  }
  return Status::Ok();
}

// True if no data file is left that `deletes` could apply to.
Result<bool> SnapshotBuilder::IsDangling(const DataFile& deletes) {
  if (deletes.content == DataFile::Content::kEqualityDeletes) {
    return deletes.data_sequence_number <= min_data_sequence_;
  }
  if (deletes.data_sequence_number < min_data_sequence_) return true;
  WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> positions,
                LoadPositionDeletes(state_.store, deletes));
  for (const auto& [path, list] : *positions) {
    if (state_.removed_files.contains(path)) continue;
    for (const auto& manifest : data_manifests_) {
      if (manifest->live_by_path.contains(path)) return false;
    }
  }
  return true;
}

// Rewrites a manifest with removed entries marked as deleted, or keeps it if none is removed.
Status SnapshotBuilder::RewriteWithout(const ManifestFile& file, const Manifest& manifest) {
  std::vector<bool> goes(manifest.entries.size(), false);
  bool any = false;
  for (std::size_t i = 0; i < manifest.entries.size(); ++i) {
    const ManifestEntry& entry = manifest.entries[i];
    if (!entry.live()) continue;
    if (file.content == Content::kData) {
      goes[i] = state_.removed_files.contains(entry.file->path);
      if (goes[i]) {
        const auto masked = masked_rows_.find(entry.file->path);
        summary_.AddRemovedLiveRows(entry.file->row_count -
                                    (masked == masked_rows_.end() ? 0 : masked->second));
      }
    } else {
      goes[i] = state_.merged_deletes.contains(entry.file->path);
      if (!goes[i]) {
        WEIRHOUSE_TRY(goes[i], IsDangling(*entry.file));
      }
    }
    any = any || goes[i];
  }
  if (!any) {
    kept_.push_back(file);
    return Status::Ok();
  }
  ++replaced_;
  auto& draft = drafts_[{file.content, file.spec_id}];
  for (std::size_t i = 0; i < manifest.entries.size(); ++i) {
    const ManifestEntry& entry = manifest.entries[i];
    if (!entry.live()) continue;
    if (goes[i]) summary_.Remove(*entry.file);
    draft.push_back(
        {goes[i] ? ManifestEntry::Status::kDeleted : ManifestEntry::Status::kExisting, entry.file});
  }
  return Status::Ok();
}

Status SnapshotBuilder::DropRemovedFiles() {
  std::size_t found = 0;
  min_data_sequence_ = sequence_number_;
  for (const std::int64_t number : state_.added_sequence_numbers) {
    min_data_sequence_ = std::min(min_data_sequence_, number);
  }
  for (const auto& manifest : data_manifests_) {
    for (const ManifestEntry& entry : manifest->entries) {
      if (!entry.live()) continue;
      if (state_.removed_files.contains(entry.file->path)) {
        ++found;
      } else {
        min_data_sequence_ = std::min(min_data_sequence_, entry.file->data_sequence_number);
      }
    }
  }
  // Names a file that is not in the table.
  if (found != state_.removed_files.size()) {
    for (const std::string& path : state_.removed_files) {
      WEIRHOUSE_TRY_STATUS(FindLive(path).status());
    }
  }
  WEIRHOUSE_TRY_STATUS(CountMaskedRows());
  std::size_t data = 0;
  std::size_t deletes = 0;
  for (const ManifestFile& file : parent_manifests_) {
    if (!file.has_live_files()) continue;
    const Manifest& manifest = file.content == Content::kData
                                   ? *data_manifests_[data++]
                                   : *delete_manifests_[deletes++].second;
    WEIRHOUSE_TRY_STATUS(RewriteWithout(file, manifest));
  }
  return Status::Ok();
}

void SnapshotBuilder::AddNewFiles() {
  const auto add = [&](DataFile file, std::int64_t data_sequence_number) {
    summary_.Add(file);
    file.data_sequence_number = data_sequence_number;
    file.file_sequence_number = sequence_number_;
    file.added_by = id_;
    drafts_[{ContentOf(file), file.spec_id}].push_back(
        {ManifestEntry::Status::kAdded, std::make_shared<const DataFile>(std::move(file))});
  };
  for (std::size_t i = 0; i < state_.added.size(); ++i) {
    const bool given = i < state_.added_sequence_numbers.size();
    add(state_.added[i], given ? state_.added_sequence_numbers[i] : sequence_number_);
  }
  for (const DataFile& file : delete_files_) add(file, sequence_number_);
}

// False for a spec with an unknown transform: its manifests are left as they are.
bool SnapshotBuilder::CanWriteSpec(int spec_id) const {
  const PartitionSpec* spec = FindSpec(state_.next, spec_id);
  if (spec == nullptr) return false;
  return std::all_of(spec->fields.begin(), spec->fields.end(),
                     [](const PartitionField& field) { return CanApply(field.transform); });
}

// Merges the small manifests of a group once there are kManifestsMergeAt of them. They are measured
// by entries, which is what a merge rewrites: measured in bytes, thirty manifests of one entry each
// are mostly headers and would weigh as much as the thousands of entries in an earlier merge.
Status SnapshotBuilder::MergeSmall() {
  const auto weight = [](const ManifestFile& file) {
    return file.added_files + file.existing_files;
  };
  std::map<Group, std::vector<std::int64_t>> small;
  for (const ManifestFile& file : kept_) {
    if (file.length < kSmallManifestBytes) {
      small[{file.content, file.spec_id}].push_back(weight(file));
    }
  }
  std::map<Group, std::int64_t> merged_up_to;
  for (auto& [group, weights] : small) {
    const bool enough = weights.size() + 1 >= static_cast<std::size_t>(kManifestsMergeAt);
    merged_up_to[group] = enough && CanWriteSpec(group.second)
                              ? MergeUpTo(std::move(weights), kManifestsMergeAt, /*fair_part=*/1)
                              : -1;
  }
  std::vector<ManifestFile> kept;
  for (ManifestFile& file : kept_) {
    const Group group{file.content, file.spec_id};
    if (file.length >= kSmallManifestBytes || weight(file) > merged_up_to[group]) {
      kept.push_back(std::move(file));
      continue;
    }
    ++replaced_;
    WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                  LoadManifest(state_.store, state_.next, file));
    for (const ManifestEntry& entry : manifest->entries) {
      if (!entry.live()) continue;
      drafts_[group].push_back({ManifestEntry::Status::kExisting, entry.file});
    }
  }
  kept_ = std::move(kept);
  return Status::Ok();
}

Status SnapshotBuilder::WriteManifests() {
  int ordinal = 0;
  for (auto& [group, entries] : drafts_) {
    ManifestDraft draft;
    draft.content = group.first;
    draft.spec_id = group.second;
    draft.snapshot = id_;
    draft.sequence_number = sequence_number_;
    draft.entries = std::move(entries);
    WEIRHOUSE_TRY(WrittenManifest written, WriteManifest(draft, state_.next));
    written.file.path =
        fmt::format("{}/metadata/{}-m{}.avro", state_.next.location, uuid_, ordinal++);
    WEIRHOUSE_FAILPOINT("table.stage.manifest");
    WEIRHOUSE_TRY_STATUS(
        state_.Write(catalog::FileKind::kManifest, written.file.path, written.bytes));
    KeepManifest(state_.store, written.file, MakeManifest(std::move(draft.entries)));
    written_.push_back(std::move(written.file));
  }
  return Status::Ok();
}

Result<Snapshot> SnapshotBuilder::Conclude() {
  auto list = std::make_shared<ManifestList>(written_);
  list->insert(list->end(), kept_.begin(), kept_.end());
  Snapshot snapshot;
  snapshot.id = id_;
  if (state_.parent != nullptr) snapshot.parent = state_.parent->id;
  snapshot.sequence_number = sequence_number_;
  snapshot.timestamp_ms = std::max(Micros(state_.options.now) / 1000, state_.base->last_updated_ms);
  snapshot.schema_id = state_.schema.schema_id;
  snapshot.manifest_list =
      fmt::format("{}/metadata/snap-{}-1-{}.avro", state_.next.location, id_.value(), uuid_);
  const std::string bytes =
      WriteManifestList(*list, id_, snapshot.parent, snapshot.sequence_number);
  WEIRHOUSE_FAILPOINT("table.stage.manifest_list");
  WEIRHOUSE_TRY_STATUS(
      state_.Write(catalog::FileKind::kManifestList, snapshot.manifest_list, bytes));
  KeepManifestList(state_.store, snapshot.manifest_list, std::move(list));

  summary_.CountManifests(static_cast<std::int64_t>(written_.size()),
                          static_cast<std::int64_t>(kept_.size()), replaced_);
  SharedTextMap::Map summary = summary_.Build(state_.parent, parent_manifests_, state_.remove_all);
  for (const auto& [key, value] : state_.options.summary) summary[key] = value;
  summary["weirhouse.run-id"] = state_.options.run_name;
  if (!state_.options.idempotency_key.empty()) {
    summary[kIdempotencyKeyKey] = state_.options.idempotency_key;
  }
  std::string operation = state_.options.operation;
  if (operation.empty()) {
    operation = summary_.only_adds() ? "append" : summary_.adds_data() ? "overwrite" : "delete";
  }
  summary["operation"] = std::move(operation);
  snapshot.summary = std::move(summary);
  return snapshot;
}

Result<Snapshot> SnapshotBuilder::Build() {
  id_ = SnapshotId(state_.random.PositiveId());
  uuid_ = state_.random.Uuid4();
  WEIRHOUSE_TRY_STATUS(LoadParent());
  WEIRHOUSE_TRY_STATUS(WritePositionDeletes());
  WEIRHOUSE_TRY_STATUS(MergePositionDeletes());
  if (state_.remove_all) {
    WEIRHOUSE_TRY_STATUS(DropEverything());
  } else if (!state_.removed_files.empty() || !state_.merged_deletes.empty()) {
    WEIRHOUSE_TRY_STATUS(DropRemovedFiles());
  } else {
    for (const ManifestFile& file : parent_manifests_) {
      if (file.has_live_files()) kept_.push_back(file);
    }
  }
  WEIRHOUSE_TRY_STATUS(MergeSmall());
  AddNewFiles();
  WEIRHOUSE_TRY_STATUS(WriteManifests());
  return Conclude();
}
}  // namespace

namespace {
// Our manifests are of version 2, to which a table of version 1 may be upgraded at any time and
// which version 3 must not mix in.
Status CheckVersion(TableMetadata& next) {
  next.format_version = std::max(next.format_version, 2);
  if (next.format_version == 2) return Status::Ok();
  return Status(Code::kInvalidInput, fmt::format("could not write to a table of Iceberg format "
                                                 "version {}, which can only be read: table \"{}\"",
                                                 next.format_version, next.name))
      .WithError("WH7051")
      .WithHint("write it with the engine that created it, or copy it into a table of version 2");
}

// Removes summary keys of older snapshots that nobody reads: otherwise they would be rewritten with
// each of the next hundred commits. (The catalog keeps the keys.)
void ShortenSummaries(std::vector<Snapshot>& snapshots) {
  for (Snapshot& snapshot : snapshots) {
    if (!snapshot.summary.contains(kIdempotencyKeyKey)) continue;  // another writer's, or short
    std::map<std::string, std::string> summary = snapshot.summary.map();
    for (const char* key : {kIdempotencyKeyKey, "changed-partition-count", "manifests-created",
                            "manifests-kept", "manifests-replaced"}) {
      summary.erase(key);
    }
    snapshot.summary = std::move(summary);
  }
}
}  // namespace

Result<StagedTable> CommitStaged(StagedWrite::State& state) {
  std::vector<catalog::SnapshotRecord> records;
  TableMetadata& next = state.next;
  if (state.changes_data()) {
    WEIRHOUSE_TRY_STATUS(CheckVersion(next));
    SnapshotBuilder builder(state);
    WEIRHOUSE_TRY(Snapshot snapshot, builder.Build());
    records.push_back(RecordOf(next, snapshot, state.options.ref));
    next.last_sequence_number = snapshot.sequence_number;
    next.refs[state.options.ref].snapshot = snapshot.id;
    if (state.options.ref == "main") {
      next.snapshot_log.emplace_back(snapshot.timestamp_ms, snapshot.id);
    }
    ShortenSummaries(next.snapshots);
    next.snapshots.push_back(std::move(snapshot));
    ExpireSnapshots(next, state.options.snapshots_kept);
  }
  WEIRHOUSE_TRY(StagedTable staged,
                WriteNextMetadata(state.store, state.base, state.random, std::move(next),
                                  state.options.now, std::move(state.records)));
  staged.snapshots = std::move(records);
  return staged;
}
}  // namespace weirhouse::iceberg
