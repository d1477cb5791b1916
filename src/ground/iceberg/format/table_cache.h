// Caches of parsed immutable files: metadata, manifest lists, manifests, position deletes. Bounded;
// the least recently used entry is dropped first. Threads: any.
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
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

// A location as a local path: platform::CanonicalPath.
std::string LocalPath(std::string_view location);

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
// `keys` are the columns of the file's equality ids, in that order.
Result<std::shared_ptr<const EqualityDeletes>> LoadEqualityDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file,
                                                                   const Schema& keys);
// As LoadEqualityDeletes, without the cache; implemented in scan_read.cc.
Result<std::shared_ptr<const EqualityDeletes>> ReadEqualityDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file,
                                                                   const Schema& keys);

// Put what a staged write has just written into the caches, so that it is not read back.
void KeepTable(const TablePtr& table);
void KeepManifestList(const std::string& path, std::shared_ptr<const ManifestList> list);
void KeepManifest(const ManifestFile& file, std::shared_ptr<const Manifest> manifest);
void KeepPositionDeletes(const std::string& path, std::shared_ptr<const PositionDeletes> deletes);
}  // namespace weirhouse::iceberg
