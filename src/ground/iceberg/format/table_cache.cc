#include "ground/iceberg/format/table_cache.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <list>
#include <mutex>
#include <unordered_map>

#include "ground/iceberg/format/deletion_vector.h"
#include "ground/platform/io/location.h"

namespace weirhouse::iceberg {
namespace {

// A cache of values by path; the least recently used are dropped once the weights exceed a limit.
template <typename Value>
class BoundedCache {
 public:
  explicit BoundedCache(std::size_t weight_max) : weight_max_(weight_max) {}

  std::shared_ptr<const Value> Find(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    const auto it = places_.find(key);
    if (it == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return it->second->value;
  }

  void Keep(const std::string& key, std::shared_ptr<const Value> value, std::size_t weight) {
    const std::scoped_lock lock(mutex_);
    if (const auto it = places_.find(key); it != places_.end()) {  // the latest value wins
      weight_ -= it->second->weight;
      order_.erase(it->second);
      places_.erase(it);
    }
    if (weight > weight_max_) return;
    order_.push_front({key, std::move(value), weight});
    places_[key] = order_.begin();
    weight_ += weight;
    while (weight_ > weight_max_) {
      weight_ -= order_.back().weight;
      places_.erase(order_.back().key);
      order_.pop_back();
    }
  }

 private:
  struct Item {
    std::string key;
    std::shared_ptr<const Value> value;
    std::size_t weight;
  };
  std::mutex mutex_;
  std::size_t weight_max_;
  std::size_t weight_ = 0;
  std::list<Item> order_;
  std::unordered_map<std::string, typename std::list<Item>::iterator> places_;
};

constexpr std::size_t kTablesMax = 64;  // a project has about a dozen
constexpr std::size_t kManifestListBytesMax = 16u << 20;
constexpr std::size_t kManifestBytesMax = 128u << 20;  // 366 files of 40 columns take 3.5 MB
constexpr std::size_t kPositionDeleteBytesMax = 64u << 20;
constexpr std::size_t kEqualityDeleteBytesMax = 64u << 20;

struct TableCaches final : platform::ReadCache {
  BoundedCache<TableMetadata> tables{kTablesMax};
  BoundedCache<ManifestList> lists{kManifestListBytesMax};
  BoundedCache<Manifest> manifests{kManifestBytesMax};
  BoundedCache<PositionDeletes> deletes{kPositionDeleteBytesMax};
  BoundedCache<EqualityDeletes> equality_deletes{kEqualityDeleteBytesMax};
};
// Null where the store keeps nothing.
TableCaches* CachesOf(platform::ObjectStore& store) {
  return dynamic_cast<TableCaches*>(store.read_cache());
}
template <typename Value>
using CacheOf = BoundedCache<Value> TableCaches::*;

template <typename Value>
std::shared_ptr<const Value> FindCached(platform::ObjectStore& store, CacheOf<Value> cache,
                                        const std::string& key) {
  TableCaches* const caches = CachesOf(store);
  return caches == nullptr ? nullptr : (caches->*cache).Find(key);
}
template <typename Value>
void Keep(platform::ObjectStore& store, CacheOf<Value> cache, const std::string& key,
          std::shared_ptr<const Value> value, std::size_t weight) {
  if (TableCaches* const caches = CachesOf(store))
    (caches->*cache).Keep(key, std::move(value), weight);
}

std::size_t WeightOf(const ManifestList& list) { return 64 + list.size() * 320; }
std::size_t WeightOf(const PositionDeletes& deletes) {
  std::size_t weight = 64;
  for (const auto& [path, positions] : deletes) weight += 200 + positions.size() * 8;
  return weight;
}
std::string TableKey(const std::string& name, const std::string& location) {
  return name + '\n' + location;
}

// Entries inherit values from the list that names the manifest, and a client that retries lists the
// same manifest with a later sequence number: the path alone does not identify a parsed manifest.
std::string ManifestKey(const ManifestFile& file) {
  return fmt::format("{}\n{} {} {} {}", file.path, file.sequence_number, file.added_by.value(),
                     file.spec_id, static_cast<int>(file.content));
}

Status MalformedDeletes(const std::string& path, std::string_view why) {
  return Status(Code::kCorruption,
                fmt::format("position-delete file is malformed: {}: {}", path, why))
      .WithError("WH7061");
}

std::shared_ptr<arrow::Schema> PositionDeleteSchema() {
  const auto field = [](const char* name, std::shared_ptr<arrow::DataType> type, const char* id) {
    return arrow::field(name, std::move(type), /*nullable=*/true,
                        arrow::KeyValueMetadata::Make({"PARQUET:field_id"}, {id}));
  };
  return arrow::schema({field("file_path", arrow::utf8(), "2147483546"),
                        field("pos", arrow::int64(), "2147483545")});
}

// Several deletion vectors may share one file.
std::string DeletesKey(const DataFile& file) {
  return file.format == FileFormat::kPuffin && file.content_offset
             ? fmt::format("{}@{}", file.path, *file.content_offset)
             : file.path;
}

Result<PositionDeletes> ReadDeletionVector(platform::ObjectStore& store, const DataFile& file) {
  WEIRHOUSE_TRY(const std::string bytes, store.Read(LocalPath(file.path)));
  const std::int64_t size = file.content_size_bytes.value_or(-1);
  const std::int64_t offset = *file.content_offset;
  const auto total = static_cast<std::int64_t>(bytes.size());
  if (!file.referenced_data_file || offset < 0 || size < 0 || offset > total ||
      size > total - offset) {
    return MalformedDeletes(file.path,
                            "a deletion vector lacks its offset, its size or its data file");
  }
  WEIRHOUSE_TRY(std::vector<std::int64_t> positions,
                ParseDeletionVector(std::string_view(bytes).substr(static_cast<std::size_t>(offset),
                                                                   static_cast<std::size_t>(size)),
                                    file));
  PositionDeletes deletes;
  deletes[*file.referenced_data_file] = std::move(positions);
  return deletes;
}

Result<PositionDeletes> ReadPositionDeletes(platform::ObjectStore& store, const DataFile& file) {
  if (file.format == FileFormat::kPuffin && file.content_offset)
    return ReadDeletionVector(store, file);
  platform::ParquetReadOptions options;
  options.schema = PositionDeleteSchema();
  WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows,
                platform::ReadParquet(store, LocalPath(file.path), options));
  const auto combined = rows->CombineChunks();
  if (!combined.ok()) return MalformedDeletes(file.path, combined.status().message());
  rows = *combined;
  PositionDeletes deletes;
  if (rows->num_rows() == 0) return deletes;
  const auto paths = std::dynamic_pointer_cast<arrow::StringArray>(rows->column(0)->chunk(0));
  const auto positions = std::dynamic_pointer_cast<arrow::Int64Array>(rows->column(1)->chunk(0));
  if (paths == nullptr || positions == nullptr) return MalformedDeletes(file.path, "its types");
  if (paths->null_count() > 0 || positions->null_count() > 0) {
    return MalformedDeletes(file.path, "it has a null");
  }
  std::vector<std::int64_t>* of_file = nullptr;
  std::string_view last;
  for (std::int64_t i = 0; i < paths->length(); ++i) {
    if (of_file == nullptr || paths->GetView(i) != last) {
      last = paths->GetView(i);
      of_file = &deletes[std::string(last)];
    }
    of_file->push_back(positions->Value(i));
  }
  for (auto& [path, list] : deletes) {  // foreign writers may not have sorted them
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return deletes;
}
// What the catalog, or a table's own metadata, names and the store has not.
template <typename T>
Result<T> Named(Result<T> read, std::string_view error_code) {
  if (read.ok() || read.status().code() != Code::kNotFound) return read;
  return Status(Code::kCorruption, read.status().message())
      .WithError(std::string(error_code))
      .WithHint("put the file back from a copy; `wh verify` names every file that is missing");
}
constexpr std::string_view kFileMissing = "WH7012";
}  // namespace

std::string LocalPath(std::string_view location) { return platform::CanonicalPath(location); }

std::unique_ptr<platform::ReadCache> NewTableCache() { return std::make_unique<TableCaches>(); }

Result<std::string> ReadMetadata(platform::ObjectStore& store,
                                 const std::string& metadata_location) {
  return Named(store.Read(LocalPath(metadata_location)), kMetadataMissing.code());
}

Status CheckMetadataThere(platform::ObjectStore& store, const std::string& metadata_location) {
  if (metadata_location.empty()) {  // no file could ever have that name
    return Status(Code::kCorruption, "the catalog names no metadata file for a table")
        .WithError("WH7088")
        .WithHint("`wh verify` tells what was changed; restore the catalog from a backup");
  }
  return Named(store.Stat(LocalPath(metadata_location)), kMetadataMissing.code()).status();
}

Result<TablePtr> LoadTable(platform::ObjectStore& store, const std::string& name,
                           const std::string& metadata_location) {
  const std::string key = TableKey(name, metadata_location);
  if (TablePtr known = FindCached(store, &TableCaches::tables, key)) return known;
  WEIRHOUSE_TRY(const std::string json, ReadMetadata(store, metadata_location));
  WEIRHOUSE_TRY(TableMetadata metadata, ParseTableMetadata(json, name, metadata_location));
  auto table = std::make_shared<const TableMetadata>(std::move(metadata));
  KeepTable(store, table);
  return TablePtr(table);
}

Result<std::shared_ptr<const ManifestList>> LoadManifestList(platform::ObjectStore& store,
                                                             const std::string& path) {
  if (path.empty()) {
    return Status(Code::kInvalidInput,
                  "could not read a snapshot that lists its manifests without a manifest list")
        .WithError("WH7051")
        .WithHint(
            "only the oldest writers of version 1 did so: rewrite the table's manifests with "
            "the engine that made it");
  }
  if (auto known = FindCached(store, &TableCaches::lists, path)) return known;
  return Named(ReloadManifestList(store, path), kFileMissing);
}

Result<std::shared_ptr<const ManifestList>> ReloadManifestList(platform::ObjectStore& store,
                                                               const std::string& path) {
  WEIRHOUSE_TRY(const std::string bytes, store.Read(LocalPath(path)));
  WEIRHOUSE_TRY(ManifestList list, ParseManifestList(bytes, path));
  auto shared = std::make_shared<const ManifestList>(std::move(list));
  KeepManifestList(store, path, shared);
  return shared;
}

Result<std::shared_ptr<const Manifest>> LoadManifest(platform::ObjectStore& store,
                                                     const TableMetadata& metadata,
                                                     const ManifestFile& file) {
  if (auto known = FindCached(store, &TableCaches::manifests, ManifestKey(file))) return known;
  return Named(ReloadManifest(store, metadata, file), kFileMissing);
}

Result<std::shared_ptr<const Manifest>> ReloadManifest(platform::ObjectStore& store,
                                                       const TableMetadata& metadata,
                                                       const ManifestFile& file) {
  WEIRHOUSE_TRY(const std::string bytes, store.Read(LocalPath(file.path)));
  WEIRHOUSE_TRY(std::shared_ptr<const Manifest> manifest, ParseManifest(bytes, metadata, file));
  KeepManifest(store, file, manifest);
  return manifest;
}

Result<std::shared_ptr<const PositionDeletes>> LoadPositionDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file) {
  return Named(ReloadPositionDeletes(store, file), kFileMissing);
}

Result<std::shared_ptr<const PositionDeletes>> ReloadPositionDeletes(platform::ObjectStore& store,
                                                                     const DataFile& file) {
  const std::string key = DeletesKey(file);
  if (auto known = FindCached(store, &TableCaches::deletes, key)) return known;
  WEIRHOUSE_TRY(PositionDeletes deletes, ReadPositionDeletes(store, file));
  auto shared = std::make_shared<const PositionDeletes>(std::move(deletes));
  KeepPositionDeletes(store, key, shared);
  return shared;
}

Result<std::shared_ptr<const EqualityDeletes>> LoadEqualityDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file,
                                                                   const Schema& keys) {
  if (auto known = FindCached(store, &TableCaches::equality_deletes, file.path)) return known;
  WEIRHOUSE_TRY(std::shared_ptr<const EqualityDeletes> deletes,
                Named(ReadEqualityDeletes(store, file, keys), kFileMissing));
  std::size_t weight = 64;
  for (const std::string& key : *deletes) weight += 64 + key.size();
  Keep(store, &TableCaches::equality_deletes, file.path, deletes, weight);
  return deletes;
}

Result<std::shared_ptr<arrow::Table>> ReadDataFile(platform::ObjectStore& store,
                                                   const DataFile& file,
                                                   const platform::ParquetReadOptions& options) {
  return Named(platform::ReadParquet(store, LocalPath(file.path), options), kFileMissing);
}

Result<std::unique_ptr<platform::ParquetGroups>> OpenDataFile(
    platform::ObjectStore& store, const DataFile& file,
    const platform::ParquetReadOptions& options) {
  return Named(platform::ParquetGroups::Open(store, LocalPath(file.path), file.size_bytes, options),
               kFileMissing);
}

void KeepTable(platform::ObjectStore& store, const TablePtr& table) {
  Keep(store, &TableCaches::tables, TableKey(table->name, table->metadata_location), table, 1);
}
void KeepManifestList(platform::ObjectStore& store, const std::string& path,
                      std::shared_ptr<const ManifestList> list) {
  const std::size_t weight = WeightOf(*list);
  Keep(store, &TableCaches::lists, path, std::move(list), weight);
}
void KeepManifest(platform::ObjectStore& store, const ManifestFile& file,
                  std::shared_ptr<const Manifest> manifest) {
  const std::size_t weight = manifest->weight_bytes;
  Keep(store, &TableCaches::manifests, ManifestKey(file), std::move(manifest), weight);
}
void KeepPositionDeletes(platform::ObjectStore& store, const std::string& path,
                         std::shared_ptr<const PositionDeletes> deletes) {
  const std::size_t weight = WeightOf(*deletes);
  Keep(store, &TableCaches::deletes, path, std::move(deletes), weight);
}
}  // namespace weirhouse::iceberg
