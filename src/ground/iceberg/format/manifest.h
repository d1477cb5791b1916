// Manifests and manifest lists, the two kinds of Avro files between metadata.json and the data
// files (Apache Iceberg table spec, "Manifests", "Manifest Lists"). Fields are resolved by id,
// never by name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// The summary of one partition field over all files of a manifest.
struct PartitionSummary {
  bool contains_null = false;
  std::optional<bool> contains_nan;
  std::optional<std::string> lower_bound;
  std::optional<std::string> upper_bound;
};

// One entry of a manifest list.
struct ManifestFile {
  enum class Content : std::uint8_t { kData = 0, kDeletes = 1 };
  std::string path;
  std::int64_t length = 0;
  int spec_id = 0;
  Content content = Content::kData;
  std::int64_t sequence_number = 0;
  std::int64_t min_sequence_number = 0;
  SnapshotId added_by;
  std::int64_t added_files = 0;
  std::int64_t existing_files = 0;
  std::int64_t deleted_files = 0;
  std::int64_t added_rows = 0;
  std::int64_t existing_rows = 0;
  std::int64_t deleted_rows = 0;
  std::vector<PartitionSummary> partitions;

  bool has_live_files() const { return added_files + existing_files > 0; }
};

// One entry of a manifest, with its inherited sequence numbers and snapshot filled in.
struct ManifestEntry {
  enum class Status : std::uint8_t { kExisting = 0, kAdded = 1, kDeleted = 2 };
  Status status = Status::kAdded;
  std::shared_ptr<const DataFile> file;
  bool live() const { return status != Status::kDeleted; }
};

struct Manifest {
  std::vector<ManifestEntry> entries;
  // Live entries by the path of their file; views into `entries`.
  std::unordered_map<std::string_view, std::size_t> live_by_path;
  std::size_t weight_bytes = 0;  // estimated memory, for the cache
};
// Builds a manifest with its index and weight.
std::shared_ptr<const Manifest> MakeManifest(std::vector<ManifestEntry> entries);

// Errors: kCorruption (WH7052 not Avro, WH7053 a required field is missing), with `path`.
Result<std::vector<ManifestFile>> ParseManifestList(std::string_view bytes,
                                                    const std::string& path);
Result<std::shared_ptr<const Manifest>> ParseManifest(std::string_view bytes,
                                                      const TableMetadata& metadata,
                                                      const ManifestFile& file);

std::string WriteManifestList(std::span<const ManifestFile> manifests, SnapshotId snapshot,
                              std::optional<SnapshotId> parent, std::int64_t sequence_number);

// A manifest to be written. Added entries with the data sequence number `sequence_number` omit it
// and inherit it when read.
struct ManifestDraft {
  ManifestFile::Content content = ManifestFile::Content::kData;
  int spec_id = 0;
  SnapshotId snapshot;
  std::int64_t sequence_number = 0;
  std::vector<ManifestEntry> entries;
};
struct WrittenManifest {
  std::string bytes;
  ManifestFile file;  // `path` is left to the caller
};
Result<WrittenManifest> WriteManifest(const ManifestDraft& draft, const TableMetadata& metadata);

// The spec with that id; nullptr if there is none.
const PartitionSpec* FindSpec(const TableMetadata& metadata, int spec_id);
// The type of a column in any schema of the table (a partition source may be a dropped column).
std::optional<Type> FindColumnType(const TableMetadata& metadata, int field_id);
// The type of the partition value of each field of the spec; absent if it cannot be determined.
std::vector<std::optional<Type>> PartitionTypes(const TableMetadata& metadata,
                                                const PartitionSpec& spec);
}  // namespace weirhouse::iceberg
