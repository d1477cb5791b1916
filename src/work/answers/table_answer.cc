#include "work/answers/table_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/catalog/moment.h"

namespace weirhouse::answers {
using nlohmann::json;

std::string CommitText(CommitSeq seq) { return fmt::format("@{}", seq.value()); }

Result<std::vector<TableRow>> TableRowsAsOf(catalog::Catalog& catalog, CommitSeq last) {
  std::vector<TableRow> rows;
  WEIRHOUSE_TRY(const auto pointers, catalog.Tables());
  for (const catalog::TablePointer& pointer : pointers) {
    WEIRHOUSE_TRY(const auto snapshot, catalog.SnapshotAsOf(pointer.name, last));
    TableRow row{pointer.name, 0, pointer.seq, pointer.uuid, pointer.metadata_location, {}};
    if (snapshot) {
      row.rows = snapshot->total_rows;
      row.snapshot = snapshot->snapshot;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<TablesAnswer> ListTables(work::Workspace& workspace) {
  catalog::Catalog& catalog = workspace.catalog();
  TablesAnswer answer;
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog, [&]() -> Status {
    WEIRHOUSE_TRY(const CommitSeq last, catalog.LastSeq());
    WEIRHOUSE_TRY(answer.tables, TableRowsAsOf(catalog, last));
    return Status();
  }));
  return answer;
}

json ToJson(const TablesAnswer& answer) {
  json list = json::array();
  for (const TableRow& row : answer.tables) {
    list.push_back({{"table", row.table},
                    {"rows", row.rows},
                    {"commit", CommitText(row.commit)},
                    {"uuid", row.uuid},
                    {"metadata_location", row.metadata_location},
                    {"iceberg_snapshot", row.snapshot ? json(row.snapshot->value()) : json()}});
  }
  return {{"tables", std::move(list)}};
}

std::vector<std::string> TableAnswer::partition() const {
  std::vector<std::string> names;
  for (const iceberg::PartitionField& field : table->spec().fields) names.push_back(field.name);
  return names;
}

Result<TableAnswer> ReadTable(work::Workspace& workspace, const std::string& name) {
  TableAnswer answer;
  WEIRHOUSE_TRY(answer.table, workspace.LoadTable(name));
  WEIRHOUSE_TRY(answer.snapshots, workspace.catalog().Snapshots(name));
  WEIRHOUSE_TRY(const auto rows, workspace.ReadTable(name));
  WEIRHOUSE_TRY(answer.content, iceberg::ContentDigest(*rows));
  return answer;
}

json ToJson(const TableAnswer& answer) {
  json columns = json::array();
  for (const iceberg::Field& field : answer.table->schema().fields) {
    columns.push_back({{"id", field.id},
                       {"column", field.name},
                       {"type", NameOf(field.type)},
                       {"required", field.required}});
  }
  json snapshots = json::array();
  for (const catalog::SnapshotRecord& snapshot : answer.snapshots) {
    snapshots.push_back({{"snapshot", snapshot.table + CommitText(snapshot.seq)},
                         {"iceberg_id", snapshot.snapshot.value()},
                         {"operation", snapshot.operation},
                         {"ref", snapshot.ref},
                         {"added_rows", snapshot.added_rows},
                         {"deleted_rows", snapshot.deleted_rows},
                         {"total_rows", snapshot.total_rows},
                         {"run", ToString(snapshot.run)}});
  }
  return {{"table", answer.table->name},
          {"content", answer.content.ToHex()},
          {"metadata_location", answer.table->metadata_location},
          {"partition", answer.partition()},
          {"columns", std::move(columns)},
          {"snapshots", std::move(snapshots)}};
}
}  // namespace weirhouse::answers
