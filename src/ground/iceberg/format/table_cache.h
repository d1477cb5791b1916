// What was parsed from files that never change: metadata, manifest lists, manifests, deletes. It is
// kept with the store that the files lie in (caching_store.h): two projects share nothing, and each
// kind has a bound in each of them; the least recently used goes first. Threads: any.
//
// What Load* and ReadDataFile read is named by the catalog or by a table's own metadata: a file that
// is missing is kCorruption (WH7012; WH8093 of a metadata file). Reload* are for files that a client
// has just named: kNotFound.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

// A location as a local path: platform::CanonicalPath.
std::string LocalPath(std::string_view location);

// Empty; for CachingStore.
std::unique_ptr<platform::ReadCache> NewTableCache();

using ManifestList = std::vector<ManifestFile>;
// The positions that one position-delete file deletes, by data file; sorted and unique.
using PositionDeletes = std::map<std::string, std::vector<std::int64_t>, std::less<>>;
// The encoded keys (key_encoding.h) that one equality-delete file deletes.
using EqualityDeletes = std::unordered_set<std::string>;

Result<std::shared_ptr<const ManifestList>> LoadManifestList(platform::ObjectStore& store,
                                                             const std::string& path);
Result<std::shared_ptr<const Manifest>> LoadManifest(platform::ObjectStore& store,
                                                     const TableMetadata& metadata,
                                                     const ManifestFile& file);
// As above, but read again even if cached: for files that a client has just named and may have
// rewritten after an earlier attempt was refused.
Result<std::shared_ptr<const ManifestList>> ReloadManifestList(platform::ObjectStore& store,
                                                               const std::string& path);
Result<std::shared_ptr<const Manifest>> ReloadManifest(platform::ObjectStore& store,
                                                       const TableMetadata& metadata,
                                                       const ManifestFile& file);
Result<std::shared_ptr<const PositionDeletes>> LoadPositionDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file);
// From the cache too: what is at one place of a file is written once.
Result<std::shared_ptr<const PositionDeletes>> ReloadPositionDeletes(platform::ObjectStore& store,
                                                                     const DataFile& file);
// `keys` are the columns of the file's equality ids, in that order.
Result<std::shared_ptr<const EqualityDeletes>> LoadEqualityDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file,
                                                                   const Schema& keys);
// As LoadEqualityDeletes, without the cache; implemented in scan_read.cc.
Result<std::shared_ptr<const EqualityDeletes>> ReadEqualityDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file,
                                                                   const Schema& keys);

// Rows, or deletes, of a file. Never kept.
Result<std::shared_ptr<arrow::Table>> ReadDataFile(platform::ObjectStore& store,
                                                   const DataFile& file,
                                                   const platform::ParquetReadOptions& options);

// The same by row groups.
Result<std::unique_ptr<platform::ParquetGroups>> OpenDataFile(
    platform::ObjectStore& store, const DataFile& file,
    const platform::ParquetReadOptions& options);

// What a staged write has just written need not be read back.
void KeepTable(platform::ObjectStore& store, const TablePtr& table);
void KeepManifestList(platform::ObjectStore& store, const std::string& path,
                      std::shared_ptr<const ManifestList> list);
void KeepManifest(platform::ObjectStore& store, const ManifestFile& file,
                  std::shared_ptr<const Manifest> manifest);
void KeepPositionDeletes(platform::ObjectStore& store, const std::string& path,
                         std::shared_ptr<const PositionDeletes> deletes);
}  // namespace weirhouse::iceberg
