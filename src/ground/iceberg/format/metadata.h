// The state of an Iceberg table: an immutable metadata.json (Apache Iceberg table spec, "Table
// Metadata"), and the data and delete files that its manifests name. Format versions 1 to 3 are
// read, version 2 is written.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/iceberg/format/file_format.h"
#include "ground/iceberg/format/shared_text_map.h"
#include "ground/iceberg/type/schema.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

inline constexpr int kSnapshotsKept = 100;  // metadata.json is rewritten whole at each commit
// For ledgers, which are not read as of a commit because their rows hold the commit themselves.
inline constexpr int kLedgerSnapshotsKept = 10;
inline constexpr int kMetadataLogMax = 10;
inline constexpr int kManifestsMergeAt = 30;  // a plan opens every manifest; a merge rewrites them

struct Snapshot {
  SnapshotId id;
  std::optional<SnapshotId> parent;
  std::int64_t sequence_number = 0;
  std::int64_t timestamp_ms = 0;
  std::string manifest_list;
  int schema_id = 0;
  SharedTextMap summary;  // with "operation"
  // Members that we do not interpret (first-row-id, added-rows, key-id), as JSON text.
  std::map<std::string, std::string> other_keys = {};
};
struct SnapshotRef {
  SnapshotId snapshot;
  std::string type = "branch";  // branch | tag
  // Set by other engines and preserved; our expiry uses only kSnapshotsKept.
  std::optional<std::int64_t> min_snapshots_to_keep;
  std::optional<std::int64_t> max_snapshot_age_ms;
  std::optional<std::int64_t> max_ref_age_ms;
  friend bool operator==(const SnapshotRef&, const SnapshotRef&) = default;
};

// A parsed metadata.json. Immutable; shared freely between threads.
struct TableMetadata {
  std::string name;               // "processed.arrival"; not part of the file
  std::string location;           // absolute folder of the table
  std::string metadata_location;  // the file this was read from; empty for a new table
  std::string uuid;
  int format_version = 2;  // what we write; versions 1 and 3 of other engines are kept
  std::int64_t last_sequence_number = 0;
  std::int64_t last_updated_ms = 0;
  int last_column_id = 0;
  std::vector<Schema> schemas;
  int current_schema_id = 0;
  std::vector<PartitionSpec> specs;
  int default_spec_id = 0;
  int last_partition_id = 999;
  std::vector<SortOrder> sort_orders = {SortOrder{}};
  int default_sort_order_id = 0;
  std::map<std::string, std::string> properties;
  std::vector<Snapshot> snapshots;
  std::vector<std::pair<std::int64_t, SnapshotId>> snapshot_log;
  std::vector<std::pair<std::int64_t, std::string>> metadata_log;
  std::map<std::string, SnapshotRef> refs;
  // Top-level keys that we do not interpret (statistics, partition-statistics, next-row-id, …), as
  // JSON text, written back unchanged.
  std::map<std::string, std::string> other_keys;

  const Schema& schema() const;
  const PartitionSpec& spec() const;
  const SortOrder& sort_order() const;
  const Snapshot* current_snapshot() const;  // main; nullptr if empty
  const Snapshot* FindSnapshot(SnapshotId id) const;
  const Snapshot* FindRef(std::string_view ref) const;
};
using TablePtr = std::shared_ptr<const TableMetadata>;

// The properties that name further folders of a table, besides its location.
inline constexpr std::array<std::string_view, 4> kPathProperties{
    "write.data.path", "write.metadata.path", "write.object-storage.path",
    "write.folder-storage.path"};
// The folders that a table writes to, its location first, each in canonical spelling
// (platform::CanonicalPath).
std::vector<std::string> PlacesOf(const TableMetadata& metadata);

// Reads format versions 1 to 3. Errors: kCorruption (WH7050), kInvalidInput (WH7051) for a later
// version.
Result<TableMetadata> ParseTableMetadata(std::string_view json, std::string name,
                                         std::string metadata_location);
std::string SerializeTableMetadata(const TableMetadata& metadata);

// The catalog names a metadata file that is not in the store.
inline constexpr Reason kMetadataMissing{"WH8093"};
// The text of the metadata file that the catalog names for a table or view. kCorruption
// (kMetadataMissing) if the file does not exist.
Result<std::string> ReadMetadata(platform::ObjectStore& store,
                                 const std::string& metadata_location);
// As ReadMetadata, without reading the file.
Status CheckMetadataThere(platform::ObjectStore& store, const std::string& metadata_location);
// Reads metadata by location. Metadata files never change: a store with a cache (caching_store.h)
// keeps the last 64. Threads: any. Errors: those of ReadMetadata and ParseTableMetadata.
Result<TablePtr> LoadTable(platform::ObjectStore& store, const std::string& name,
                           const std::string& metadata_location);

struct NewTable {
  std::string name;
  std::string location;
  Schema schema;
  PartitionSpec spec;
  std::vector<std::string> sort_columns;
  std::map<std::string, std::string> properties;
};
// The metadata of a table that does not exist yet; the first StagedWrite writes it.
Result<TablePtr> MakeTable(const NewTable& table, Random& random, Clock& clock);

struct DataFile {
  enum class Content : std::uint8_t { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };
  Content content = Content::kData;
  std::string path;
  FileFormat format = FileFormat::kParquet;
  // The manifest's spelling of the format if it is not in capitals or unknown; kept when the entry
  // is written again.
  std::string format_spelling = {};
  int spec_id = 0;
  std::vector<std::optional<std::string>> partition;  // single-value bytes, in spec order
  std::int64_t row_count = 0;
  std::int64_t size_bytes = 0;
  std::map<int, platform::ColumnStatistics> columns;
  std::vector<std::int64_t> split_offsets;
  std::vector<int> equality_ids;
  std::optional<int> sort_order_id;
  std::optional<std::string> referenced_data_file;
  // Version 3: the position of a deletion vector in its Puffin file.
  std::optional<std::int64_t> content_offset;
  std::optional<std::int64_t> content_size_bytes;
  std::int64_t data_sequence_number = 0;
  std::int64_t file_sequence_number = 0;
  SnapshotId added_by;

  void SetFormat(std::string_view name);
  std::string_view format_name() const {
    return format_spelling.empty() ? NameOf(format) : std::string_view(format_spelling);
  }
};
}  // namespace weirhouse::iceberg
