#include "work/records/record_query.h"

#include <arrow/api.h>

#include <nlohmann/json.hpp>
#include <set>

#include "work/records/batch_records.h"
#include "work/records/contract_reading.h"

namespace weirhouse::work {
using transform::StoredLoser;

namespace {
constexpr std::int64_t kRetriesRead = 1'000'000;

Result<std::shared_ptr<arrow::Table>> ReadAll(RecordReader& reader, const std::string& source,
                                              const std::vector<catalog::ObjectRecord>& objects) {
  if (objects.empty()) return reader.NoRows(source);
  WEIRHOUSE_TRY(const SourceRecords records, reader.Read(source, objects, Reading::kAgain));
  return records.rows;
}

Result<std::vector<catalog::ObjectRecord>> StoredObjects(Workspace& workspace,
                                                         const std::string& source,
                                                         std::optional<CommitSeq> upto) {
  catalog::ObjectFilter filter;
  filter.source = source;
  WEIRHOUSE_TRY(std::vector<catalog::ObjectRecord> objects, workspace.catalog().Objects(filter));
  std::erase_if(objects, [&](const catalog::ObjectRecord& object) {
    return object.state != catalog::ObjectState::kStored || (upto && object.seq > *upto);
  });
  return objects;
}

// Objects that were quarantined as a whole until a retry after `seq` took them back.
Result<std::set<std::string>> TakenBackAfter(Workspace& workspace, CommitSeq seq) {
  catalog::RunFilter filter;
  filter.kind = catalog::RunKind::kRetry;
  filter.limit = kRetriesRead;
  WEIRHOUSE_TRY(const std::vector<catalog::Run> retries, workspace.catalog().Runs(filter));
  std::set<std::string> objects;
  for (const catalog::Run& run : retries) {
    if (run.seq && *run.seq > seq) objects.insert(run.plan.inputs.value("object", ""));
  }
  return objects;
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> RecordsOfSource(Workspace& workspace,
                                                      const std::string& source,
                                                      std::optional<CommitSeq> upto) {
  WEIRHOUSE_TRY(const auto objects, StoredObjects(workspace, source, upto));
  RecordReader reader(workspace);
  return ReadAll(reader, source, objects);
}

Result<std::shared_ptr<arrow::Table>> RecordsAsOf(
    Workspace& workspace, const std::shared_ptr<const ProjectDefinition>& then,
    const std::string& source, CommitSeq upto) {
  WEIRHOUSE_TRY(auto objects, StoredObjects(workspace, source, upto));
  WEIRHOUSE_TRY(const std::set<std::string> whole, TakenBackAfter(workspace, upto));
  std::erase_if(objects, [&](const catalog::ObjectRecord& object) {
    return whole.count(ToString(object.id)) != 0;
  });
  WEIRHOUSE_TRY(const nlohmann::json read_by, ReadByAsOf(workspace, *then));
  RecordReader reader(workspace, then);
  reader.ReadBy(read_by);
  return ReadAll(reader, source, objects);
}

Result<std::vector<StoredLoser>> CurrentLosers(Workspace& workspace,
                                               std::optional<SnapshotId> snapshot) {
  WEIRHOUSE_TRY(const auto table, workspace.FindTable(std::string(transform::kLosersTable)));
  if (!table || (!snapshot && (*table)->current_snapshot() == nullptr)) {
    return std::vector<StoredLoser>();
  }
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), *table, options));
  WEIRHOUSE_TRY(const auto rows, scan.ReadAll());
  WEIRHOUSE_TRY(std::vector<StoredLoser> log, transform::ReadLosers(*rows));
  return transform::LatestLosers(std::move(log));
}

Result<std::vector<StoredLoser>> CurrentLosersOf(Workspace& workspace, const std::string& table) {
  std::vector<StoredLoser> log;
  WEIRHOUSE_TRY(const auto losers, workspace.FindTable(std::string(transform::kLosersTable)));
  if (!losers || (*losers)->current_snapshot() == nullptr) return log;
  iceberg::ScanOptions options;
  options.ranges = {{"table", table, table}};
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), *losers, options));
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    WEIRHOUSE_TRY(const auto rows, scan.Read(task));
    WEIRHOUSE_TRY(std::vector<StoredLoser> read, transform::ReadLosers(*rows));
    for (StoredLoser& loser : read) {
      if (loser.table == table) log.push_back(std::move(loser));
    }
  }
  return transform::LatestLosers(std::move(log));
}
}  // namespace weirhouse::work
