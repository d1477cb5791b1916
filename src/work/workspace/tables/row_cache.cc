#include "work/workspace/tables/row_cache.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <set>

#include "ground/base/text.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;
using Positions = std::map<std::string, std::set<std::int64_t>>;  // by file

Positions ByFile(const std::vector<iceberg::RowPosition>& rows) {
  Positions positions;
  for (const iceberg::RowPosition& row : rows) positions[row.file].insert(row.position);
  return positions;
}

// The rows of one file whose positions are, or are not, in `named`.
Result<RowsPtr> RowsByPosition(const RowsPtr& rows, const std::set<std::int64_t>& named,
                               bool among) {
  const auto positions = rows->GetColumnByName("_pos");
  WEIRHOUSE_CHECK(positions != nullptr);
  arrow::BooleanBuilder keep;
  for (const auto& chunk : positions->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      if (const auto status = keep.Append((named.count(values.Value(i)) != 0) == among);
          !status.ok()) {
        return Status(Code::kInternal, status.ToString());
      }
    }
  }
  auto mask = keep.Finish();
  if (!mask.ok()) return Status(Code::kInternal, mask.status().ToString());
  auto filtered = arrow::compute::Filter(rows, *mask);
  if (!filtered.ok()) return Status(Code::kInternal, filtered.status().ToString());
  return filtered->table();
}

// `columns` of all `parts`; an empty table if there are no parts.
Result<RowsPtr> Joined(const iceberg::Scan& scan, const std::vector<RowsPtr>& parts,
                       const std::vector<std::string>& columns) {
  RowsPtr rows;
  if (parts.empty()) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Schema> schema, scan.schema().ToArrow());
    auto none = arrow::Table::MakeEmpty(schema);
    if (!none.ok()) return Status(Code::kInternal, none.status().ToString());
    rows = *none;
  } else {
    WEIRHOUSE_TRY(rows, Concatenate(parts));
  }
  std::vector<int> wanted;
  for (const std::string& column : columns) {
    const int index = rows->schema()->GetFieldIndex(column);
    WEIRHOUSE_CHECK(index >= 0);
    wanted.push_back(index);
  }
  auto selected = rows->SelectColumns(wanted);
  if (!selected.ok()) return Status(Code::kInternal, selected.status().ToString());
  return *selected;
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> RowCache::Rows(
    const std::string& name, const std::vector<std::string>& columns,
    const std::vector<iceberg::RowPosition>& masked) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace_.LoadTable(name));
  iceberg::ScanOptions options;
  options.columns = columns;
  if (options.columns.empty()) {
    for (const iceberg::Field& field : table->schema().fields)
      options.columns.push_back(field.name);
  }
  options.with_file_position = true;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace_.store(), table, options));

  const Positions masked_by_file = ByFile(masked);
  Files& known = cached_[name + "\n" + Join(options.columns, ",")];
  Files used;
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    std::string key = task.file.path;
    for (const auto& file : task.deletes) key += "\n" + file->path;
    std::shared_ptr<arrow::Table> rows;
    if (const auto found = known.find(key); found != known.end()) {
      rows = found->second;
    } else {
      WEIRHOUSE_TRY(rows, scan.Read(task));
    }
    used[key] = rows;
    if (const auto mask = masked_by_file.find(task.file.path); mask != masked_by_file.end()) {
      WEIRHOUSE_TRY(rows, RowsByPosition(rows, mask->second, /*among=*/false));
    }
    if (rows->num_rows() > 0) parts.push_back(rows);
  }
  known = std::move(used);
  // There may be no rows: the table has none, or all are masked.
  return Joined(scan, parts, options.columns);
}

Result<RowsPtr> RowCache::RowsAt(const std::string& name, const std::vector<std::string>& columns,
                                 const std::vector<iceberg::RowPosition>& positions) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace_.LoadTable(name));
  iceberg::ScanOptions options;
  options.columns = columns;
  options.with_file_position = true;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace_.store(), table, options));
  const Positions wanted = ByFile(positions);
  std::vector<RowsPtr> parts;
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    const auto named = wanted.find(task.file.path);
    if (named == wanted.end()) continue;
    WEIRHOUSE_TRY(RowsPtr rows, scan.Read(task));
    WEIRHOUSE_TRY(rows, RowsByPosition(rows, named->second, /*among=*/true));
    parts.push_back(std::move(rows));
  }
  return Joined(scan, parts, columns);
}
}  // namespace weirhouse::work
