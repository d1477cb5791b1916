#include "ground/iceberg/write/compaction.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/read/history.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/write/delete_merge.h"
#include "ground/iceberg/write/stage.h"
#include "ground/iceberg/write/stage_state.h"
#include "ground/platform/columnar/arrow_status.h"

namespace weirhouse::iceberg {
namespace {

// `rows` with the int64 column `name` at the end, `value` in each row.
Result<std::shared_ptr<arrow::Table>> WithConstant(const std::shared_ptr<arrow::Table>& rows,
                                                   std::string_view name, std::int64_t value) {
  const auto column = arrow::MakeArrayFromScalar(arrow::Int64Scalar(value), rows->num_rows());
  if (!column.ok()) return platform::ArrowFailed(column.status());
  const auto out =
      rows->AddColumn(rows->num_columns(), arrow::field(std::string(name), arrow::int64()),
                      std::make_shared<arrow::ChunkedArray>(*column));
  if (!out.ok()) return platform::ArrowFailed(out.status());
  return *out;
}

// Replaces nulls of the int64 column `index` by `value`.
Result<std::shared_ptr<arrow::Table>> FillNulls(const std::shared_ptr<arrow::Table>& rows,
                                                int index, std::int64_t value) {
  if (rows->column(index)->null_count() == 0) return rows;
  arrow::Int64Builder builder;
  arrow::Status status = builder.Reserve(rows->num_rows());
  if (!status.ok()) return platform::ArrowFailed(status);
  for (const auto& chunk : rows->column(index)->chunks()) {
    const auto& longs = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < longs.length(); ++i) {
      builder.UnsafeAppend(longs.IsNull(i) ? value : longs.Value(i));
    }
  }
  const auto filled = builder.Finish();
  if (!filled.ok()) return platform::ArrowFailed(filled.status());
  const auto out = rows->SetColumn(index, rows->schema()->field(index),
                                   std::make_shared<arrow::ChunkedArray>(*filled));
  if (!out.ok()) return platform::ArrowFailed(out.status());
  return *out;
}

// The table's sort order over merged files; equal rows keep the order of their files.
Result<std::shared_ptr<arrow::Table>> Sorted(std::shared_ptr<arrow::Table> rows,
                                             const TableMetadata& metadata) {
  std::vector<std::string> columns;
  if (!IsPlainOrder(metadata.sort_order())) return rows;
  for (const SortField& field : metadata.sort_order().fields) {
    const Field* column = metadata.schema().FindById(field.source_id);
    if (column == nullptr) return rows;
    columns.push_back(column->name);
  }
  if (columns.empty()) return rows;
  WEIRHOUSE_TRY(const KeyList keys, EncodeKeys(*rows, columns));
  std::vector<std::int64_t> order(keys.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  const auto indices = std::make_shared<arrow::Int64Array>(static_cast<std::int64_t>(order.size()),
                                                           arrow::Buffer::Wrap(order));
  const auto taken = arrow::compute::Take(arrow::Datum(rows), arrow::Datum(indices));
  if (!taken.ok()) return platform::ArrowFailed(taken.status());
  return taken->table();
}

// Tasks of one partition, rewritten together.
using Group = std::vector<const Scan::Task*>;

class Compaction {
 public:
  Compaction(platform::ObjectStore& store, const TablePtr& base, const CompactionOptions& options,
             const CommitSeqOf& seq_of)
      : store_(store), base_(base), options_(options), seq_of_(seq_of) {}

  // Which files to rewrite, by partition.
  Result<std::vector<Group>> Choose(const Scan& scan) {
    std::map<std::pair<int, std::vector<std::optional<std::string>>>, Group> groups;
    std::map<std::pair<int, std::vector<std::optional<std::string>>>, Group> small;
    for (const Scan::Task& task : scan.tasks()) {
      const auto key = std::pair(task.file.spec_id, task.file.partition);
      bool worn = options_.all;
      if (!worn) {
        WEIRHOUSE_TRY(worn, HasManyDeletedRows(task));
      }
      if (worn) {
        groups[key].push_back(&task);
      } else if (task.file.size_bytes < options_.small_file_bytes) {
        small[key].push_back(&task);
      }
    }
    for (auto& [key, tasks] : small) {
      Group& group = groups[key];
      const auto count = static_cast<int>(group.size() + tasks.size());
      if (count < options_.small_files_min) continue;
      // Chosen by size, so that a row is rewritten a few times in its life and not at every
      // compaction.
      std::vector<std::int64_t> sizes;
      for (const Scan::Task* task : tasks) sizes.push_back(task->file.size_bytes);
      // half of it is taken in any case: two files are merged into one
      constexpr int kMergeAtLeast = 4;
      const std::int64_t up_to =
          MergeUpTo(std::move(sizes), std::max(options_.small_files_min, kMergeAtLeast),
                    /*fair_part=*/1);
      for (const Scan::Task* task : tasks)
        if (task->file.size_bytes <= up_to) group.push_back(task);
    }
    std::vector<Group> out;
    for (auto& [key, tasks] : groups) {
      const bool one_and_whole =
          tasks.size() == 1 && tasks[0]->deletes.empty() && options_.all;  // nothing to gain
      if (!tasks.empty() && !one_and_whole) SplitBySize(std::move(tasks), out);
    }
    return out;
  }

  // Whether `_commit_seq` must be written although the table has no such column yet: a merged file
  // has one sequence number, so all its rows would seem to be of the newest commit. Only in our own
  // tables, whose rows have record ids; tables of other engines keep their columns.
  bool NeedsCommitColumn(const std::vector<Group>& groups) const {
    if (base_->schema().Find(kCommitSeqColumn) != nullptr) return false;
    if (base_->schema().Find(kRecordColumn) == nullptr) return false;
    return std::any_of(groups.begin(), groups.end(), [](const Group& group) {
      return std::any_of(group.begin(), group.end(), [&](const Scan::Task* task) {
        return task->file.data_sequence_number != group.front()->file.data_sequence_number;
      });
    });
  }

  // The group's live rows, with `_commit_seq` filled in if `commits` or the table requires it.
  Result<std::shared_ptr<arrow::Table>> RowsOf(const Scan& scan, const Group& group, bool commits) {
    std::vector<std::shared_ptr<arrow::Table>> parts;
    for (const Scan::Task* task : group) {
      WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, scan.Read(*task));
      const int column = rows->schema()->GetFieldIndex(std::string(kCommitSeqColumn));
      if (column >= 0 && rows->column(column)->null_count() > 0) {
        WEIRHOUSE_TRY(const CommitSeq seq, seq_of_(task->file.data_sequence_number));
        WEIRHOUSE_TRY(rows, FillNulls(rows, column, seq.value()));
      } else if (column < 0 && commits) {
        WEIRHOUSE_TRY(const CommitSeq seq, seq_of_(task->file.data_sequence_number));
        WEIRHOUSE_TRY(rows, WithConstant(rows, kCommitSeqColumn, seq.value()));
      }
      parts.push_back(std::move(rows));
    }
    const auto merged = arrow::ConcatenateTables(parts);
    if (!merged.ok()) return platform::ArrowFailed(merged.status());
    return Sorted(*merged, *base_);
  }

 private:
  // Whether enough of the file's rows are deleted. It runs after each batch, so the number of
  // positions in its delete files is enough if it is small; determining which ones apply costs as
  // much as reading the rows.
  Result<bool> HasManyDeletedRows(const Scan::Task& task) const {
    const auto enough = options_.deleted_share_min * static_cast<double>(task.file.row_count);
    std::vector<std::shared_ptr<const PositionDeletes>> naming;
    std::size_t named = 0;
    for (const auto& deletes : task.deletes) {
      if (deletes->content != DataFile::Content::kPositionDeletes) continue;
      WEIRHOUSE_TRY(std::shared_ptr<const PositionDeletes> positions,
                    LoadPositionDeletes(store_, *deletes));
      const auto it = positions->find(task.file.path);
      if (it == positions->end()) continue;
      named += it->second.size();
      naming.push_back(std::move(positions));
    }
    if (static_cast<double>(named) <= enough) return false;
    std::vector<std::int64_t> masked;
    masked.reserve(named);
    for (const auto& positions : naming) {
      const std::vector<std::int64_t>& list = positions->find(task.file.path)->second;
      masked.insert(masked.end(), list.begin(), list.end());
    }
    std::sort(masked.begin(), masked.end());
    masked.erase(std::unique(masked.begin(), masked.end()), masked.end());
    return static_cast<double>(masked.size()) > enough;
  }

  void SplitBySize(Group tasks, std::vector<Group>& out) const {
    std::sort(tasks.begin(), tasks.end(), [](const Scan::Task* a, const Scan::Task* b) {
      return std::tie(a->file.data_sequence_number, a->file.path) <
             std::tie(b->file.data_sequence_number, b->file.path);
    });
    Group group;
    std::int64_t rows = 0;
    for (const Scan::Task* task : tasks) {
      if (!group.empty() && rows + task->file.row_count > options_.rows_per_file_max) {
        out.push_back(std::move(group));
        group.clear();
        rows = 0;
      }
      group.push_back(task);
      rows += task->file.row_count;
    }
    if (!group.empty()) out.push_back(std::move(group));
  }

  platform::ObjectStore& store_;
  const TablePtr& base_;
  const CompactionOptions& options_;
  const CommitSeqOf& seq_of_;
};
}  // namespace

Result<CompactionPlan> PlanCompaction(platform::ObjectStore& store, const TablePtr& base,
                                      const CompactionOptions& options) {
  WEIRHOUSE_TRY(const Scan scan, Scan::Plan(store, base, {}));
  const CommitSeqOf no_commit;
  WEIRHOUSE_TRY(const std::vector<Group> groups,
                Compaction(store, base, options, no_commit).Choose(scan));
  CompactionPlan plan;
  plan.files_written = static_cast<std::int64_t>(groups.size());
  for (const Group& group : groups) plan.files_rewritten += static_cast<std::int64_t>(group.size());
  WEIRHOUSE_TRY(const auto deletes, DeletesToMerge(store, *base));
  plan.delete_files_merged = static_cast<std::int64_t>(deletes.size());
  return plan;
}

Result<bool> WantsCompaction(platform::ObjectStore& store, const TablePtr& base,
                             const CompactionOptions& options) {
  WEIRHOUSE_TRY(const CompactionPlan plan, PlanCompaction(store, base, options));
  return !plan.empty();
}

Result<StagedTable> StageCompaction(platform::ObjectStore& store, TablePtr base, Random& random,
                                    const StageOptions& stage, const CompactionOptions& options,
                                    const CommitSeqOf& seq_of) {
  StageOptions replace = stage;
  replace.operation = "replace";
  WEIRHOUSE_TRY(const Scan scan, Scan::Plan(store, base, {}));
  Compaction compaction(store, base, options, seq_of);
  WEIRHOUSE_TRY(const std::vector<Group> groups, compaction.Choose(scan));
  StagedWrite write(store, base, random, std::move(replace));
  const bool commits = compaction.NeedsCommitColumn(groups);
  if (commits) {
    Schema wider = base->schema();
    Field commit;
    commit.name = kCommitSeqColumn;
    commit.type = TypeKind::kLong;
    wider.fields.push_back(std::move(commit));
    WEIRHOUSE_TRY_STATUS(write.SetSchema(wider));
  }
  platform::ParquetOptions parquet;
  if (base->schema().Find(kRecordColumn) != nullptr) {
    parquet.delta_columns.emplace_back(kRecordColumn);
  }
  for (const Group& group : groups) {
    std::vector<std::string> paths;
    std::int64_t newest = 0;
    for (const Scan::Task* task : group) {
      paths.push_back(task->file.path);
      newest = std::max(newest, task->file.data_sequence_number);
    }
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                  compaction.RowsOf(scan, group, commits));
    WEIRHOUSE_TRY_STATUS(write.RemoveFiles(paths));
    WEIRHOUSE_TRY(const AppendedRows added, write.Append(*rows, parquet));
    // The new file gets the sequence number of its newest part: equality deletes that came later
    // still apply, and readers that have seen its parts do not see it as new.
    write.state_->added_sequence_numbers.resize(write.state_->added.size(), newest);
  }
  WEIRHOUSE_TRY(write.state_->merged_deletes, DeletesToMerge(store, *base));
  return write.Finish();
}
}  // namespace weirhouse::iceberg
