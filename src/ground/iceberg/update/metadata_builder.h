// Applies the updates of one request to a copy of a table's metadata.
//
// It tracks what the request has added, which "the last one added" refers to. The rules are those
// of Apache Iceberg's reference implementation (TableMetadata.Builder), because its clients rely on
// them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "ground/base/request/request_place.h"
#include "ground/iceberg/type/schema_index.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/iceberg/update/update.h"

namespace weirhouse::iceberg {

class MetadataBuilder {
 public:
  // `base` nullptr: a table that is being created, at first with `format_version`.
  MetadataBuilder(const TableMetadata* base, const std::string& name, int format_version,
                  ProcessTime now);

  // Applies one update; an error is refused by its place in the request.
  void Apply(const Update& update, RequestPlace& place) {
    std::visit([&](const auto& one) { Apply(one, place); }, update);
  }
  // Checks and returns the result. Must be the last call.
  Result<UpdatedMetadata> Finish();

 private:
  // metadata_update.cc
  void Apply(const AssignUuid& update, RequestPlace& place);
  void Apply(const UpgradeFormatVersion& update, RequestPlace& place);
  void Apply(const SetLocation& update, RequestPlace& place);
  void Apply(const SetProperties& update, RequestPlace& place);
  void Apply(const RemoveProperties& update, RequestPlace& place);
  void Apply(const AddEncryptionKey& update, RequestPlace& place);
  void Apply(const RemoveEncryptionKey& update, RequestPlace& place);
  void CompleteNewTable(RequestPlace& place);

  // update_schema.cc
  void Apply(const AddSchema& update, RequestPlace& place);
  void Apply(const SetCurrentSchema& update, RequestPlace& place);
  void Apply(const RemoveSchemas& update, RequestPlace& place);
  void Apply(const AddSpec& update, RequestPlace& place);
  void Apply(const SetDefaultSpec& update, RequestPlace& place);
  void Apply(const RemovePartitionSpecs& update, RequestPlace& place);
  void Apply(const AddSortOrder& update, RequestPlace& place);
  void Apply(const SetDefaultSortOrder& update, RequestPlace& place);
  const Schema* current_schema() const;
  void CheckDefaults(RequestPlace& place) const;

  // update_snapshot.cc
  void Apply(const AddSnapshot& update, RequestPlace& place);
  void Apply(const SetSnapshotRef& update, RequestPlace& place);
  void Apply(const RemoveSnapshotRef& update, RequestPlace& place);
  void Apply(const RemoveSnapshots& update, RequestPlace& place);
  void CheckSequence(const AddSnapshot& snapshot, RequestPlace& place) const;
  void AddRowLineage(const AddSnapshot& snapshot, RequestPlace& place);
  void MoveMain(const Snapshot& snapshot);
  void CorrectSnapshotLog();

  // update_statistics.cc
  void Apply(const SetStatistics& update, RequestPlace& place);
  void Apply(const RemoveStatistics& update, RequestPlace& place);
  void Apply(const SetPartitionStatistics& update, RequestPlace& place);
  void Apply(const RemovePartitionStatistics& update, RequestPlace& place);
  void PutStatistics(const std::string& key, const StatisticsFile& file, RequestPlace& place);
  void DropStatistics(const std::string& key, std::int64_t snapshot_id);
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

// Why a partition spec or sort order does not fit the schema; empty if it does.
std::string WhyNotPartition(const PartitionSpec& spec, const SchemaIndex& schema);
std::string WhyNotSort(const SortOrder& order, const SchemaIndex& schema);
// Why tables of `format_version` cannot have `schema`; empty if they can.
std::string WhyNotInVersion(const Schema& schema, int format_version);
}  // namespace weirhouse::iceberg
