#include "work/pipeline/batch/settled_keys.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>

#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/schema.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

Result<RowsPtr> SomeByKey(const RowsPtr& rows, const std::vector<std::string>& columns,
                          const iceberg::KeySet& keys, bool among) {
  WEIRHOUSE_TRY(const iceberg::KeyList encoded, iceberg::EncodeKeys(*rows, columns));
  arrow::BooleanBuilder keep;
  arrow::Status status = keep.Reserve(rows->num_rows());
  for (const std::string_view key : encoded) {
    if (status.ok()) keep.UnsafeAppend(keys.contains(key) == among);
  }
  std::shared_ptr<arrow::Array> mask;
  if (status.ok()) status = keep.Finish(&mask);
  if (!status.ok()) return Status(Code::kInternal, status.ToString());
  auto filtered = arrow::compute::Filter(rows, mask);
  if (!filtered.ok()) return Status(Code::kInternal, filtered.status().ToString());
  return filtered->table();
}

std::vector<std::int64_t> PositionsOf(const arrow::Table& rows) {
  std::vector<std::int64_t> positions;
  positions.reserve(static_cast<std::size_t>(rows.num_rows()));
  for (const auto& chunk : rows.GetColumnByName("_pos")->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) positions.push_back(values.Value(i));
  }
  return positions;
}
}  // namespace

Status AddKeys(const arrow::Table& rows, const std::vector<std::string>& columns,
               iceberg::KeySet& keys) {
  WEIRHOUSE_TRY(const iceberg::KeyList encoded, iceberg::EncodeKeys(rows, columns));
  std::vector<bool> null(encoded.size(), false);
  for (const std::string& name : columns) {
    std::size_t row = 0;
    for (const auto& chunk : rows.GetColumnByName(name)->chunks()) {
      for (std::int64_t i = 0; i < chunk->length(); ++i, ++row)
        null[row] = null[row] || chunk->IsNull(i);
    }
  }
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (!null[i]) keys.emplace(encoded[i]);
  }
  return Status();
}

Result<RowsPtr> RowsByKey(const RowsPtr& rows, const std::vector<std::string>& columns,
                          const iceberg::KeySet& keys, bool among,
                          const platform::Scratch& scratch) {
  if (!platform::AreMany(*rows, scratch)) return SomeByKey(rows, columns, keys, among);
  std::vector<RowsPtr> parts;
  for (const platform::RowRange& piece : platform::PiecesOf(*rows, scratch)) {
    WEIRHOUSE_TRY(RowsPtr part,
                  SomeByKey(rows->Slice(piece.begin, piece.count), columns, keys, among));
    parts.push_back(std::move(part));
    platform::LetGoOfStoredRows();
  }
  return Concatenate(parts);
}

Result<std::vector<transform::HistoryRow>> VersionsOf(
    Workspace& workspace, const transform::TransformDefinition& definition,
    const iceberg::KeySet& keys) {
  std::vector<transform::HistoryRow> versions;
  WEIRHOUSE_TRY(const auto history, workspace.FindTable(definition.history_table()));
  if (!history || (*history)->current_snapshot() == nullptr || keys.empty()) return versions;
  iceberg::ScanOptions options;
  options.columns = definition.key_columns();
  WEIRHOUSE_TRY(const iceberg::Scan key_scan,
                iceberg::Scan::Plan(workspace.store(), *history, options));
  options.columns.clear();
  for (const iceberg::Field& field : (*history)->schema().fields) {
    if (!iceberg::IsHidden(field.name) || field.name == iceberg::kRecordColumn)
      options.columns.push_back(field.name);
  }
  options.with_file_position = true;
  WEIRHOUSE_TRY(const iceberg::Scan scan,
                iceberg::Scan::Plan(workspace.store(), *history, options));
  for (const iceberg::Scan::Task& task : key_scan.tasks()) {
    WEIRHOUSE_TRY(const RowsPtr held, key_scan.Read(task));
    WEIRHOUSE_TRY(const iceberg::KeyList held_keys,
                  iceberg::EncodeKeys(*held, definition.key_columns()));
    const bool any = std::any_of(held_keys.begin(), held_keys.end(),
                                 [&](const std::string_view key) { return keys.contains(key); });
    if (!any) continue;
    WEIRHOUSE_TRY(const RowsPtr whole, scan.Read(task));
    WEIRHOUSE_TRY(const RowsPtr rows, RowsByKey(whole, definition.key_columns(), keys, true));
    WEIRHOUSE_TRY(
        const transform::RowFacts facts,
        transform::FactsOfRows(*rows, definition.key_columns(), definition.order_columns()));
    const std::vector<std::int64_t> positions = PositionsOf(*rows);
    for (std::size_t i = 0; i < facts.keys.size(); ++i) {
      versions.push_back({std::string(facts.keys[i]),
                          std::string(facts.orders[i]),
                          facts.contents[i],
                          RecordId(std::max<std::int64_t>(facts.records[i], 0)),
                          {task.file.path, positions[i]}});
    }
  }
  return versions;
}
}  // namespace weirhouse::work
