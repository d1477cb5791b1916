// Applies the updates of one request to a copy of a table's metadata.
//
// What "the last one added" and "what this request brought" mean is kept here; the rules are those
// of Iceberg's own reference implementation, so that its clients find what they expect.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ground/iceberg/type/schema_index.h"
#include "ground/iceberg/type/update_json.h"
#include "ground/iceberg/update/metadata_update.h"

namespace weirhouse::iceberg {

class MetadataBuilder {
 public:
  // `base` nullptr: a table that is being created, of `format_version` at first.
  MetadataBuilder(const TableMetadata* base, const std::string& name, int format_version,
                  ProcessTime now);

  // Applies one update, {action, …}; what it refuses is said to `update`'s place.
  void Apply(const std::string& action, JsonFields& update);
  static bool IsKnown(std::string_view action);
  // Checks the whole. The builder is spent.
  Result<UpdatedMetadata> Finish();

 private:
  using Handler = void (MetadataBuilder::*)(JsonFields&);
  static const std::map<std::string_view, Handler>& Handlers();

  // metadata_update.cc
  void AssignUuid(JsonFields& update);
  void UpgradeFormatVersion(JsonFields& update);
  void SetLocation(JsonFields& update);
  void SetProperties(JsonFields& update);
  void RemoveProperties(JsonFields& update);
  void RefuseEncryptionKey(JsonFields& update);
  void CompleteNewTable(JsonPlace& place);

  // update_schema.cc
  void AddSchema(JsonFields& update);
  void SetCurrentSchema(JsonFields& update);
  void RemoveSchemas(JsonFields& update);
  void AddSpec(JsonFields& update);
  void SetDefaultSpec(JsonFields& update);
  void RemoveSpecs(JsonFields& update);
  void AddSortOrder(JsonFields& update);
  void SetDefaultSortOrder(JsonFields& update);
  const Schema* current_schema() const;
  void CheckDefaults(JsonPlace& place) const;

  // update_snapshot.cc
  void AddSnapshot(JsonFields& update);
  void AddRowLineage(JsonFields& snapshot);
  void SetSnapshotRef(JsonFields& update);
  void MoveMain(const Snapshot& snapshot);
  void RemoveSnapshotRef(JsonFields& update);
  void RemoveSnapshots(JsonFields& update);
  void SetStatistics(JsonFields& update);
  void RemoveStatistics(JsonFields& update);
  void SetPartitionStatistics(JsonFields& update);
  void RemovePartitionStatistics(JsonFields& update);
  void CheckStatistics(JsonFields& file) const;
  void DropStatistics(const std::string& key, std::int64_t snapshot_id);
  void CorrectSnapshotLog();
  void WriteStatistics();

  // Statistics files of a table by snapshot, as JSON text; under "statistics" and
  // "partition-statistics". Taken from the metadata when first asked for.
  using StatisticsBySnapshot = std::multimap<std::int64_t, std::string>;
  StatisticsBySnapshot& StatisticsUnder(const std::string& key);

  const TableMetadata* base_;
  TableMetadata next_;
  std::int64_t now_ms_;
  bool changed_;
  bool removed_snapshots_ = false;
  std::optional<int> last_schema_id_;
  std::optional<int> last_spec_id_;
  std::optional<int> last_order_id_;
  std::set<SnapshotId> snapshot_ids_;    // all there are
  std::vector<SnapshotId> added_;        // in order
  std::set<SnapshotId> added_ids_;       // the same
  std::set<SnapshotId> passed_as_main_;  // added here, and main for a while
  std::map<std::string, StatisticsBySnapshot> statistics_;
};

// What a partition spec or sort order needs of the schema it reads; empty, or why not.
std::string WhyNotPartition(const PartitionSpec& spec, const SchemaIndex& schema);
std::string WhyNotSort(const SortOrder& order, const SchemaIndex& schema);
// What of `schema` tables of `format_version` cannot have; empty if nothing.
std::string WhyNotInVersion(const Schema& schema, int format_version);
}  // namespace weirhouse::iceberg
