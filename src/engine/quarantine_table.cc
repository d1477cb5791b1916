#include "engine/quarantine_table.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <set>

#include "engine/arrow_rows.h"
#include "engine/halt.h"
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
using RowsPtr = std::shared_ptr<arrow::Table>;
using ObjectKeys = std::set<std::pair<std::string, std::string>>;  // name, digest in digits

// The objects that the rebuild read: not those that cannot be cut into records, whose row stays,
// and not those that a person left out, whose quarantine was published before.
Result<ObjectKeys> ReadObjects(Workspace& workspace, const SourceRecords& records) {
  WEIRHOUSE_TRY(const std::set<CommitSeq> left_out, DiscardedCommits(workspace));
  WEIRHOUSE_TRY(const std::set<ObjectId> left_out_alone, DiscardedObjects(workspace));
  ObjectKeys keys;
  for (const catalog::ObjectRecord& object : records.objects) {
    if (left_out.count(object.seq) == 0 && left_out_alone.count(object.id) == 0)
      keys.emplace(object.name, object.digest.ToHex());
  }
  return keys;
}

Result<std::string> TextAt(const arrow::Table& rows, const std::string& column, std::int64_t row) {
  auto cell = rows.GetColumnByName(column)->GetScalar(row);
  if (!cell.ok()) return Status(Code::kInternal, cell.status().ToString());
  return (*cell)->ToString();
}

// Those of `rows` (may be null) that are of one of the objects, or of none.
Result<RowsPtr> RowsOf(const RowsPtr& rows, const ObjectKeys& keys, bool inside) {
  if (rows == nullptr) return RowsPtr();
  arrow::BooleanBuilder mask;
  for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
    WEIRHOUSE_TRY(std::string name, TextAt(*rows, "object", row));
    WEIRHOUSE_TRY(std::string digest, TextAt(*rows, "object_digest", row));
    const bool known = keys.count({std::move(name), std::move(digest)}) != 0;
    if (!mask.Append(known == inside).ok()) return Status(Code::kUnavailable, "no memory");
  }
  auto array = mask.Finish();
  if (!array.ok()) return Status(Code::kInternal, array.status().ToString());
  auto kept = arrow::compute::Filter(rows, *array);
  if (!kept.ok()) return Status(Code::kInternal, kept.status().ToString());
  return kept->table();
}

// What tells one row of quarantine from another: object, record, reason.
Result<std::string> IdentityAt(const arrow::Table& rows, std::int64_t row) {
  std::string identity;
  for (const char* column : {"object", "object_digest", "ordinal", "reason"}) {
    WEIRHOUSE_TRY(const std::string text, TextAt(rows, column, row));
    identity += text + "\x1f";
  }
  return identity;
}
Result<std::multiset<std::string>> Identities(const RowsPtr& rows) {
  std::multiset<std::string> identities;
  for (std::int64_t row = 0; rows != nullptr && row < rows->num_rows(); ++row) {
    WEIRHOUSE_TRY(std::string identity, IdentityAt(*rows, row));
    identities.insert(std::move(identity));
  }
  return identities;
}

Result<RowsPtr> AllRows(Workspace& workspace, const std::string& table) {
  WEIRHOUSE_TRY(const auto existing, workspace.FindTable(table));
  if (!existing) return RowsPtr();
  return workspace.ReadTable(table, QuarantineSchema()->field_names());
}
}  // namespace

Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work) {
  for (const auto& [source, records] : sources) {
    const std::string name = "quarantine." + source;
    std::vector<RowsPtr> parts;
    if (records.quarantine) parts.push_back(records.quarantine);
    WEIRHOUSE_TRY(const auto rejected, QuarantineRejected(workspace, records, AllRejected(work)));
    if (rejected != nullptr) parts.push_back(rejected);
    RowsPtr all;
    if (!parts.empty()) {
      WEIRHOUSE_TRY(all, Concatenate(parts));
    }
    WEIRHOUSE_TRY(const RowsPtr before, AllRows(workspace, name));
    WEIRHOUSE_TRY(const ObjectKeys read, ReadObjects(workspace, records));
    WEIRHOUSE_TRY(const RowsPtr now, RowsOf(all, read, /*inside=*/true));
    WEIRHOUSE_TRY(const RowsPtr replaced, RowsOf(before, read, /*inside=*/true));
    WEIRHOUSE_TRY(const auto old_rows, Identities(replaced));
    WEIRHOUSE_TRY(const auto new_rows, Identities(now));
    if (old_rows == new_rows) continue;
    WEIRHOUSE_TRY(const RowsPtr kept, RowsOf(before, read, /*inside=*/false));
    WEIRHOUSE_TRY(const table::TablePtr base,
                  TableOrNew(workspace, name, *QuarantineSchema(), {}, {}));
    table::StagedWrite write(workspace.disk(), base, workspace.random(), publication.StageAs());
    WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
    for (const RowsPtr& rows : {kept, now}) {
      if (rows != nullptr && rows->num_rows() > 0)
        WEIRHOUSE_TRY_STATUS(write.Append(*rows).status());
    }
    WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}

Result<RowsPtr> NotInQuarantine(Workspace& workspace, const std::string& table,
                                const RowsPtr& rows) {
  WEIRHOUSE_TRY(const RowsPtr held, AllRows(workspace, table));
  WEIRHOUSE_TRY(const auto known, Identities(held));
  arrow::BooleanBuilder mask;
  for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
    WEIRHOUSE_TRY(const std::string identity, IdentityAt(*rows, row));
    if (!mask.Append(known.count(identity) == 0).ok())
      return Status(Code::kUnavailable, "no memory");
  }
  auto array = mask.Finish();
  if (!array.ok()) return Status(Code::kInternal, array.status().ToString());
  auto kept = arrow::compute::Filter(rows, *array);
  if (!kept.ok()) return Status(Code::kInternal, kept.status().ToString());
  return kept->table();
}
}  // namespace weirhouse::engine
