#include "engine/quarantine_table.h"

#include <arrow/api.h>

#include <set>

#include "engine/arrow_rows.h"
#include "table/table.h"

namespace weirhouse::engine {
Status StageRetriedQuarantine(Workspace& workspace, Publication& publication,
                              const catalog::ObjectRecord& object,
                              const std::shared_ptr<arrow::Table>& rows) {
  WEIRHOUSE_TRY(const table::TablePtr base,
                TableOrNew(workspace, "quarantine." + object.source, *QuarantineSchema(), {}, {}));
  table::ScanOptions options;
  options.columns = {"object", "object_digest", "ordinal"};
  options.with_file_position = true;
  WEIRHOUSE_TRY(const table::Scan scan, table::Scan::Plan(workspace.disk(), base, options));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> there, scan.ReadAll());
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> flat, Concatenate({there}));
  std::vector<table::RowPosition> positions;
  const std::string digest = object.digest.ToHex();
  for (std::int64_t row = 0; row < flat->num_rows(); ++row) {
    const auto cell = [&](const char* column) {
      auto scalar = flat->GetColumnByName(column)->GetScalar(row);
      return scalar.ok() ? *scalar : nullptr;
    };
    const auto text = [&](const char* column) { return cell(column)->ToString(); };
    if (cell("ordinal")->is_valid || text("object_digest") != digest ||
        text("object") != object.name) {
      continue;
    }
    positions.push_back(
        {text("_file"), std::static_pointer_cast<arrow::Int64Scalar>(cell("_pos"))->value});
  }
  if (positions.empty() && rows == nullptr) return Status();
  table::StagedWrite write(workspace.disk(), base, workspace.random(), publication.StageAs());
  if (!positions.empty()) WEIRHOUSE_TRY_STATUS(write.DeleteRows(positions));
  if (rows != nullptr) WEIRHOUSE_TRY_STATUS(write.Append(*rows).status());
  WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
  publication.Add(staged);
  return Status();
}

namespace {
// What tells one row of quarantine from another: object, record, reason.
Result<std::multiset<std::string>> Identities(const std::shared_ptr<arrow::Table>& rows) {
  std::multiset<std::string> identities;
  if (rows == nullptr) return identities;
  const std::vector<std::string> columns = {"object", "object_digest", "ordinal", "reason"};
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> flat, Concatenate({rows}));
  for (std::int64_t row = 0; row < flat->num_rows(); ++row) {
    std::string identity;
    for (const std::string& column : columns) {
      auto cell = flat->GetColumnByName(column)->GetScalar(row);
      if (!cell.ok()) return Status(Code::kInternal, cell.status().ToString());
      identity += (*cell)->ToString() + "\x1f";
    }
    identities.insert(std::move(identity));
  }
  return identities;
}
}  // namespace

Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work) {
  for (const auto& [source, records] : sources) {
    std::vector<std::shared_ptr<arrow::Table>> parts;
    if (records.quarantine) parts.push_back(records.quarantine);
    WEIRHOUSE_TRY(const auto rejected, QuarantineRejected(workspace, records, AllRejected(work)));
    if (rejected != nullptr) parts.push_back(rejected);
    std::shared_ptr<arrow::Table> now;
    if (!parts.empty()) {
      WEIRHOUSE_TRY(now, Concatenate(parts));
    }
    const std::string name = "quarantine." + source;
    WEIRHOUSE_TRY(const auto existing, workspace.FindTable(name));
    std::shared_ptr<arrow::Table> before;
    if (existing) {
      WEIRHOUSE_TRY(before, workspace.ReadTable(name));
    }
    WEIRHOUSE_TRY(const auto old_rows, Identities(before));
    WEIRHOUSE_TRY(const auto new_rows, Identities(now));
    if (old_rows == new_rows) continue;
    WEIRHOUSE_TRY(const table::TablePtr base,
                  TableOrNew(workspace, name, *QuarantineSchema(), {}, {}));
    table::StagedWrite write(workspace.disk(), base, workspace.random(), publication.StageAs());
    WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
    if (now != nullptr) WEIRHOUSE_TRY_STATUS(write.Append(*now).status());
    WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}
}  // namespace weirhouse::engine
