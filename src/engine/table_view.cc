#include "engine/table_view.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <set>

#include "base/text.h"
#include "engine/arrow_rows.h"

namespace weirhouse::engine {
namespace {
// The rows of one file whose positions are not in `masked`.
Result<std::shared_ptr<arrow::Table>> Unmasked(const std::shared_ptr<arrow::Table>& rows,
                                               const std::set<std::int64_t>& masked) {
  const auto positions = rows->GetColumnByName("_pos");
  WEIRHOUSE_CHECK(positions != nullptr);
  arrow::BooleanBuilder keep;
  for (const auto& chunk : positions->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      if (const auto status = keep.Append(masked.count(values.Value(i)) == 0); !status.ok()) {
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
}  // namespace

Result<std::shared_ptr<arrow::Table>> TableView::Rows(
    const std::string& name, const std::vector<std::string>& columns,
    const std::vector<table::RowPosition>& masked) {
  WEIRHOUSE_TRY(const table::TablePtr table, workspace_.LoadTable(name));
  table::ScanOptions options;
  options.columns = columns;
  if (options.columns.empty()) {
    for (const table::Field& field : table->schema().fields) options.columns.push_back(field.name);
  }
  options.with_file_position = true;
  WEIRHOUSE_TRY(const table::Scan scan, table::Scan::Plan(workspace_.disk(), table, options));

  std::map<std::string, std::set<std::int64_t>> masked_by_file;
  for (const table::RowPosition& row : masked) masked_by_file[row.file].insert(row.position);

  Files& known = cached_[name + "\n" + Join(options.columns, ",")];
  Files used;
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const table::Scan::Task& task : scan.tasks()) {
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
      WEIRHOUSE_TRY(rows, Unmasked(rows, mask->second));
    }
    if (rows->num_rows() > 0) parts.push_back(rows);
  }
  known = std::move(used);

  std::shared_ptr<arrow::Table> rows;
  if (parts.empty()) {
    WEIRHOUSE_TRY(rows, scan.ReadAll());
  } else {
    WEIRHOUSE_TRY(rows, Concatenate(parts));
  }
  std::vector<int> wanted;
  for (const std::string& column : options.columns) {
    const int index = rows->schema()->GetFieldIndex(column);
    WEIRHOUSE_CHECK(index >= 0);
    wanted.push_back(index);
  }
  auto selected = rows->SelectColumns(wanted);
  if (!selected.ok()) return Status(Code::kInternal, selected.status().ToString());
  return *selected;
}
}  // namespace weirhouse::engine
