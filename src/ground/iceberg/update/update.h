// Updates of a table's metadata and the requirements for them, as values. Value types; threads:
// any.
//
// Source: Apache Iceberg REST catalog spec, TableUpdate and TableRequirement: all 23 and all 8,
// with the same names; update_json.h and requirement_json.h parse them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/request/request_place.h"
#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// The wording of refusals of table requests.
inline constexpr RequestWords kTableWords{"WH7067"};

// As an id of a schema, spec or order: the last one added by earlier updates of the request.
inline constexpr int kLastAdded = -1;

inline constexpr std::int64_t kRowIdMax = std::int64_t{1} << 62;

// The refusal of a request for encryption (WH7068).
Status NotEncryptedHere(const RequestPlace& place);

// ---- Updates
struct AssignUuid {
  std::string uuid;  // 36 characters, in lower case
};
struct UpgradeFormatVersion {
  std::int64_t format_version = 0;  // from 1
};
struct SetLocation {
  std::string location;  // in any spelling of the place
};
struct SetProperties {
  std::map<std::string, std::string> updates;
};
struct RemoveProperties {
  std::vector<std::string> removals;
};

// This catalog assigns the ids of schemas, specs and orders; the ids in these updates are ignored.
struct AddSchema {
  Schema schema;
};
struct SetCurrentSchema {
  int schema_id = kLastAdded;
};
struct RemoveSchemas {
  std::vector<int> schema_ids;
};
struct AddSpec {
  PartitionSpec spec;  // a field whose id is 0 is given one
};
struct SetDefaultSpec {
  int spec_id = kLastAdded;
};
struct RemovePartitionSpecs {
  std::vector<int> spec_ids;
};
struct AddSortOrder {
  SortOrder order;
};
struct SetDefaultSortOrder {
  int order_id = kLastAdded;
};

struct AddSnapshot {
  SnapshotId id;
  std::optional<SnapshotId> parent;
  std::optional<std::int64_t> sequence_number;  // tables from version 2 on require it
  std::int64_t timestamp_ms = 0;
  std::string manifest_list;
  std::optional<int> schema_id;
  std::map<std::string, std::string> summary;  // with "operation"
  // Tables of version 3 require both.
  std::optional<std::int64_t> first_row_id;
  std::optional<std::int64_t> added_rows;
};
struct SetSnapshotRef {
  std::string name;
  SnapshotRef ref;
};
struct RemoveSnapshotRef {
  std::string name;
};
struct RemoveSnapshots {
  std::vector<SnapshotId> snapshot_ids;
};

// The metadata of a statistics file as JSON text, kept as the client sent it.
struct StatisticsFile {
  SnapshotId snapshot;
  std::string json;
};
struct SetStatistics {
  StatisticsFile file;
};
struct RemoveStatistics {
  SnapshotId snapshot;
};
struct SetPartitionStatistics {
  StatisticsFile file;
};
struct RemovePartitionStatistics {
  SnapshotId snapshot;
};

// Recognised and refused: encryption is not supported.
struct AddEncryptionKey {};
struct RemoveEncryptionKey {};

using Update = std::variant<AssignUuid, UpgradeFormatVersion, SetLocation, SetProperties,
                            RemoveProperties, AddSchema, SetCurrentSchema, RemoveSchemas, AddSpec,
                            SetDefaultSpec, RemovePartitionSpecs, AddSortOrder, SetDefaultSortOrder,
                            AddSnapshot, SetSnapshotRef, RemoveSnapshotRef, RemoveSnapshots,
                            SetStatistics, RemoveStatistics, SetPartitionStatistics,
                            RemovePartitionStatistics, AddEncryptionKey, RemoveEncryptionKey>;

// The update's name in the specification: "add-schema". Static storage.
std::string_view ActionOf(const Update& update);

// ---- Requirements
struct AssertCreate {};
struct AssertTableUuid {
  std::string uuid;
};
struct AssertRefSnapshotId {
  std::string ref;
  std::optional<SnapshotId> snapshot;  // absent: the ref must not exist
};
struct AssertLastAssignedFieldId {
  int id = 0;
};
struct AssertCurrentSchemaId {
  int id = 0;
};
struct AssertLastAssignedPartitionId {
  int id = 0;
};
struct AssertDefaultSpecId {
  int id = 0;
};
struct AssertDefaultSortOrderId {
  int id = 0;
};
using Requirement =
    std::variant<AssertCreate, AssertTableUuid, AssertRefSnapshotId, AssertLastAssignedFieldId,
                 AssertCurrentSchemaId, AssertLastAssignedPartitionId, AssertDefaultSpecId,
                 AssertDefaultSortOrderId>;

// ---- Creation
// A table to be created. Column ids only say which fields belong together; new ones are assigned.
struct WantedTable {
  std::optional<std::string> location;  // absent: the caller chooses one
  Schema schema;
  PartitionSpec spec;
  SortOrder order;
  std::map<std::string, std::string> properties;
};
}  // namespace weirhouse::iceberg
