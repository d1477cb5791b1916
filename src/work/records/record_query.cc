#include "work/records/record_query.h"

#include <arrow/api.h>

#include "work/records/batch_records.h"

namespace weirhouse::work {
using transform::StoredLoser;

Result<std::shared_ptr<arrow::Table>> RecordsOfSource(Workspace& workspace,
                                                      const std::string& source,
                                                      std::optional<CommitSeq> upto) {
  catalog::ObjectFilter filter;
  filter.source = source;
  WEIRHOUSE_TRY(std::vector<catalog::ObjectRecord> objects, workspace.catalog().Objects(filter));
  std::erase_if(objects, [&](const catalog::ObjectRecord& object) {
    return object.state != "stored" || (upto && object.seq > *upto);
  });
  RecordReader reader(workspace);
  if (objects.empty()) return reader.NoRows(source);
  WEIRHOUSE_TRY(const SourceRecords records, reader.Read(source, objects, Reading::kAgain));
  return records.rows;
}

Result<std::vector<StoredLoser>> CurrentLosers(Workspace& workspace,
                                               std::optional<SnapshotId> snapshot) {
  WEIRHOUSE_TRY(const auto table, workspace.FindTable(std::string(transform::kLosersTable)));
  if (!table || (!snapshot && (*table)->current_snapshot() == nullptr)) {
    return std::vector<StoredLoser>();
  }
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.disk(), *table, options));
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
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.disk(), *losers, options));
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
