#include "ground/iceberg/read/reachable.h"

#include <nlohmann/json.hpp>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {
// Statistics are carried as text: {"snapshot-id": …, "statistics-path": …}.
void AddStatistics(const platform::ObjectStore& store, const TableMetadata& table,
                   std::set<std::string>& files) {
  for (const char* key : {"statistics", "partition-statistics"}) {
    const auto found = table.other_keys.find(key);
    if (found == table.other_keys.end()) continue;
    const auto list = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    if (!list.is_array()) continue;
    for (const nlohmann::json& item : list) {
      if (!item.is_object()) continue;
      const auto path = item.find("statistics-path");
      if (path != item.end() && path->is_string())
        files.insert(store.Spelling(path->get_ref<const std::string&>()));
    }
  }
}
}  // namespace

Result<std::set<std::string>> ReachableFiles(platform::ObjectStore& store,
                                             const TableMetadata& table) {
  std::set<std::string> files;
  files.insert(store.Spelling(table.metadata_location));
  for (const auto& [time, location] : table.metadata_log) files.insert(store.Spelling(location));
  AddStatistics(store, table, files);
  std::set<std::string> seen;
  for (const Snapshot& snapshot : table.snapshots) {
    files.insert(store.Spelling(snapshot.manifest_list));
    WEIRHOUSE_TRY(const std::shared_ptr<const ManifestList> list,
                  LoadManifestList(store, snapshot.manifest_list));
    for (const ManifestFile& manifest_file : *list) {
      if (!seen.insert(manifest_file.path).second) continue;
      files.insert(store.Spelling(manifest_file.path));
      WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                    LoadManifest(store, table, manifest_file));
      for (const ManifestEntry& entry : manifest->entries)
        if (entry.live()) files.insert(store.Spelling(entry.file->path));
    }
  }
  return files;
}

Result<std::vector<DataFile>> LiveFiles(platform::ObjectStore& store, const TableMetadata& table,
                                        const Snapshot& snapshot) {
  std::vector<DataFile> files;
  WEIRHOUSE_TRY(const std::shared_ptr<const ManifestList> list,
                LoadManifestList(store, snapshot.manifest_list));
  for (const ManifestFile& manifest_file : *list) {
    if (!manifest_file.has_live_files()) continue;
    WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                  LoadManifest(store, table, manifest_file));
    for (const ManifestEntry& entry : manifest->entries)
      if (entry.live()) files.push_back(*entry.file);
  }
  return files;
}

std::string FormatPartition(const TableMetadata& table, const DataFile& file) {
  const PartitionSpec* spec = FindSpec(table, file.spec_id);
  std::string text;
  for (std::size_t i = 0; spec != nullptr && i < spec->fields.size(); ++i) {
    if (i >= file.partition.size()) break;
    const PartitionField& field = spec->fields[i];
    const std::optional<Type> source = FindColumnType(table, field.source_id);
    if (!text.empty()) text += ", ";
    text +=
        field.name + "=" +
        PartitionText(field.transform, source.value_or(Type(TypeKind::kString)), file.partition[i]);
  }
  return text;
}
}  // namespace weirhouse::iceberg
