#include "ground/iceberg/write/delete_merge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {

std::int64_t MergeUpTo(std::vector<std::int64_t> lengths, int merge_at, std::int64_t fair_part) {
  std::sort(lengths.begin(), lengths.end());
  const auto at_least = static_cast<std::size_t>(merge_at / 2);
  std::int64_t sum = 0;
  std::int64_t up_to = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (i >= at_least && lengths[i] > sum * fair_part) break;
    sum += lengths[i];
    up_to = lengths[i];
  }
  return up_to;
}

namespace {
// False for a spec with an unknown transform: its manifests are left as they are.
bool CanWrite(const TableMetadata& table, int spec_id) {
  const PartitionSpec* spec = FindSpec(table, spec_id);
  if (spec == nullptr) return false;
  return std::all_of(spec->fields.begin(), spec->fields.end(),
                     [](const PartitionField& field) { return CanApply(field.transform); });
}
}  // namespace

Result<std::set<std::string, std::less<>>> DeletesToMerge(platform::ObjectStore& store,
                                                          const TableMetadata& table) {
  std::set<std::string, std::less<>> chosen;
  const Snapshot* snapshot = table.current_snapshot();
  if (snapshot == nullptr) return chosen;
  WEIRHOUSE_TRY(const std::shared_ptr<const ManifestList> list,
                LoadManifestList(store, snapshot->manifest_list));
  using Partition = std::pair<int, std::vector<std::optional<std::string>>>;
  std::map<Partition, std::vector<std::shared_ptr<const DataFile>>> groups;
  for (const ManifestFile& file : *list) {
    if (file.content != ManifestFile::Content::kDeletes || !file.has_live_files()) continue;
    WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest, LoadManifest(store, table, file));
    for (const ManifestEntry& entry : manifest->entries) {
      const DataFile& deletes = *entry.file;
      if (!entry.live() || deletes.content != DataFile::Content::kPositionDeletes) continue;
      if (deletes.format != FileFormat::kParquet)
        continue;  // deletion vectors, one for each data file
      groups[{deletes.spec_id, deletes.partition}].push_back(entry.file);
    }
  }
  for (const auto& [partition, files] : groups) {
    if (files.size() < static_cast<std::size_t>(kDeleteFilesMergeAt)) continue;
    if (!CanWrite(table, partition.first)) continue;
    std::vector<std::int64_t> lengths;
    lengths.reserve(files.size());
    for (const auto& file : files) lengths.push_back(file->row_count);
    const std::int64_t up_to = MergeUpTo(std::move(lengths), kDeleteFilesMergeAt);
    for (const auto& file : files) {
      if (file->row_count <= up_to) chosen.insert(file->path);
    }
  }
  return chosen;
}
}  // namespace weirhouse::iceberg
