#include "ground/iceberg/write/commit_summary.h"

#include <charconv>

#include "ground/iceberg/write/stage_state.h"

namespace weirhouse::iceberg {
namespace {

std::optional<std::int64_t> CountIn(const std::map<std::string, std::string>& summary,
                                    const std::string& key) {
  const auto it = summary.find(key);
  if (it == summary.end()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = it->second.data() + it->second.size();
  const auto [stop, error] = std::from_chars(it->second.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

void Put(std::map<std::string, std::string>& summary, const char* key, std::int64_t value) {
  if (value != 0) summary[key] = std::to_string(value);
}

std::int64_t LiveRows(const Snapshot& snapshot) {
  if (const auto live = CountIn(snapshot.summary, kLiveRowsKey)) return *live;
  return CountIn(snapshot.summary, "total-records").value_or(0) -
         CountIn(snapshot.summary, "total-position-deletes").value_or(0);
}
}  // namespace

void CommitSummary::Counts::Count(const DataFile& file) {
  files_size += file.size_bytes;
  switch (file.content) {
    case DataFile::Content::kData:
      ++data_files;
      records += file.row_count;
      break;
    case DataFile::Content::kPositionDeletes:
      ++delete_files;
      ++position_delete_files;
      position_deletes += file.row_count;
      break;
    case DataFile::Content::kEqualityDeletes:
      ++delete_files;
      ++equality_delete_files;
      equality_deletes += file.row_count;
      break;
  }
}

void CommitSummary::Add(const DataFile& file) {
  added_.Count(file);
  partitions_.emplace(file.spec_id, file.partition);
}
void CommitSummary::Remove(const DataFile& file) {
  removed_.Count(file);
  partitions_.emplace(file.spec_id, file.partition);
}
void CommitSummary::CountManifests(std::int64_t created, std::int64_t kept, std::int64_t replaced) {
  manifests_created_ = created;
  manifests_kept_ = kept;
  manifests_replaced_ = replaced;
}

std::map<std::string, std::string> CommitSummary::Build(
    const Snapshot* parent, const std::vector<ManifestFile>& parent_manifests,
    bool starts_empty) const {
  std::map<std::string, std::string> out;
  Put(out, "added-data-files", added_.data_files);
  Put(out, "added-records", added_.records);
  Put(out, "added-files-size", added_.files_size);
  Put(out, "added-delete-files", added_.delete_files);
  Put(out, "added-position-delete-files", added_.position_delete_files);
  Put(out, "added-position-deletes", added_.position_deletes);
  Put(out, "deleted-data-files", removed_.data_files);
  Put(out, "deleted-records", removed_.records);
  Put(out, "removed-files-size", removed_.files_size);
  Put(out, "removed-delete-files", removed_.delete_files);
  Put(out, "removed-position-delete-files", removed_.position_delete_files);
  Put(out, "removed-equality-delete-files", removed_.equality_delete_files);
  Put(out, "removed-position-deletes", removed_.position_deletes);
  Put(out, "removed-equality-deletes", removed_.equality_deletes);
  out["changed-partition-count"] = std::to_string(partitions_.size());
  out["manifests-created"] = std::to_string(manifests_created_);
  out["manifests-kept"] = std::to_string(manifests_kept_);
  out["manifests-replaced"] = std::to_string(manifests_replaced_);
  out["engine-name"] = "weirhouse";

  std::int64_t files = 0;
  std::int64_t rows = 0;
  for (const ManifestFile& manifest : parent_manifests) {
    if (manifest.content != ManifestFile::Content::kData) continue;
    files += manifest.added_files + manifest.existing_files;
    rows += manifest.added_rows + manifest.existing_rows;
  }
  const auto total = [&](const char* key, std::int64_t otherwise, std::int64_t change) {
    std::int64_t before = 0;
    if (parent != nullptr) before = CountIn(parent->summary, key).value_or(otherwise);
    out[key] = std::to_string(before + change);
  };
  total("total-data-files", files, added_.data_files - removed_.data_files);
  total("total-records", rows, added_.records - removed_.records);
  total("total-files-size", 0, added_.files_size - removed_.files_size);
  total("total-delete-files", 0, added_.delete_files - removed_.delete_files);
  total("total-position-deletes", 0, added_.position_deletes - removed_.position_deletes);
  total("total-equality-deletes", 0, added_.equality_deletes - removed_.equality_deletes);
  const std::int64_t live = parent != nullptr ? LiveRows(*parent) : 0;
  const std::int64_t gone = starts_empty ? live : removed_live_rows_;
  out[kLiveRowsKey] = std::to_string(live - gone + added_.records - masked_rows_);
  out[kDeletedRowsKey] = std::to_string(gone + masked_rows_);
  return out;
}

catalog::SnapshotRecord RecordOf(const TableMetadata& metadata, const Snapshot& snapshot,
                                 std::string_view ref) {
  catalog::SnapshotRecord record;
  record.table = metadata.name;
  record.snapshot = snapshot.id;
  record.sequence_number = snapshot.sequence_number;
  record.ref = std::string(ref);
  if (const auto it = snapshot.summary.find("operation"); it != snapshot.summary.end()) {
    record.operation = it->second;
  }
  record.added_rows = CountIn(snapshot.summary, "added-records").value_or(0);
  record.deleted_rows =
      CountIn(snapshot.summary, kDeletedRowsKey)
          .value_or(CountIn(snapshot.summary, "deleted-records").value_or(0) +
                    CountIn(snapshot.summary, "added-position-deletes").value_or(0));
  record.total_rows = LiveRows(snapshot);
  return record;
}
}  // namespace weirhouse::iceberg
