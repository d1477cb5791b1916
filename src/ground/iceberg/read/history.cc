#include "ground/iceberg/read/history.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/type/value.h"
#include "ground/platform/columnar/arrow_status.h"

namespace weirhouse::iceberg {
namespace {

class HistoryReader {
 public:
  HistoryReader(const HistoryOptions& options, const CommitSeqOf& seq_of, int commit_id)
      : options_(options), seq_of_(seq_of), commit_id_(commit_id) {}

  // The requested rows of one file; nullptr if there are none.
  Result<std::shared_ptr<arrow::Table>> Read(const Scan& scan, const Scan::Task& task) {
    WEIRHOUSE_TRY(const std::int64_t of_file, SeqOf(task.file.data_sequence_number));
    if (!MayHold(task.file, of_file)) return std::shared_ptr<arrow::Table>();
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, scan.Read(task));
    const int column = rows->schema()->GetFieldIndex(std::string(kCommitSeqColumn));
    arrow::Int64Builder commits;
    arrow::BooleanBuilder keep;
    bool all = true;
    arrow::Status status = commits.Reserve(rows->num_rows());
    if (status.ok()) status = keep.Reserve(rows->num_rows());
    if (!status.ok()) return platform::ArrowFailed(status);
    const auto add = [&](std::int64_t seq) {
      const bool wanted = seq > options_.after.value() && seq <= options_.up_to.value();
      all = all && wanted;
      commits.UnsafeAppend(seq);
      keep.UnsafeAppend(wanted);
    };
    if (column < 0) {
      for (std::int64_t i = 0; i < rows->num_rows(); ++i) add(of_file);
    } else {
      for (const auto& chunk : rows->column(column)->chunks()) {
        const auto& longs = static_cast<const arrow::Int64Array&>(*chunk);
        for (std::int64_t i = 0; i < longs.length(); ++i) {
          add(longs.IsNull(i) ? of_file : longs.Value(i));
        }
      }
    }
    return Shape(std::move(rows), column, commits, keep, all);
  }

 private:
  Result<std::int64_t> SeqOf(std::int64_t sequence_number) {
    if (const auto it = known_.find(sequence_number); it != known_.end()) return it->second;
    WEIRHOUSE_TRY(const CommitSeq seq, seq_of_(sequence_number));
    known_[sequence_number] = seq.value();
    return seq.value();
  }

  bool MayHold(const DataFile& file, std::int64_t of_file) const {
    std::int64_t least = of_file;
    std::int64_t greatest = of_file;
    const auto it = file.columns.find(commit_id_);
    if (commit_id_ > 0 && it != file.columns.end() &&
        it->second.null_count < it->second.value_count) {
      const auto lower = DecodeLong(it->second.lower_bound.value_or(""));
      const auto upper = DecodeLong(it->second.upper_bound.value_or(""));
      if (!lower || !upper) return true;
      const bool some_null = it->second.null_count > 0;
      least = some_null ? std::min(of_file, *lower) : *lower;
      greatest = some_null ? std::max(of_file, *upper) : *upper;
    } else if (commit_id_ > 0 && it == file.columns.end()) {
      return true;  // no statistics: a file of another engine
    }
    return greatest > options_.after.value() && least <= options_.up_to.value();
  }

  static Result<std::shared_ptr<arrow::Table>> Shape(std::shared_ptr<arrow::Table> rows, int column,
                                                     arrow::Int64Builder& commits,
                                                     arrow::BooleanBuilder& keep, bool all) {
    const auto values = commits.Finish();
    const auto mask = keep.Finish();
    if (!values.ok() || !mask.ok()) return platform::ArrowFailed(values.status() & mask.status());
    const auto field = arrow::field(std::string(kCommitSeqColumn), arrow::int64());
    const auto filled = std::make_shared<arrow::ChunkedArray>(*values);
    const auto with = column >= 0 ? rows->SetColumn(column, field, filled)
                                  : rows->AddColumn(rows->num_columns(), field, filled);
    if (!with.ok()) return platform::ArrowFailed(with.status());
    if (all) return *with;
    const auto filtered = arrow::compute::Filter(arrow::Datum(*with), arrow::Datum(*mask));
    if (!filtered.ok()) return platform::ArrowFailed(filtered.status());
    return filtered->table();
  }

  const HistoryOptions& options_;
  const CommitSeqOf& seq_of_;
  int commit_id_;
  std::map<std::int64_t, std::int64_t> known_;
};
}  // namespace

Result<std::shared_ptr<arrow::Table>> ReadHistory(platform::ObjectStore& store, TablePtr table,
                                                  const HistoryOptions& options,
                                                  const CommitSeqOf& seq_of) {
  ScanOptions scan_options = options.scan;
  const Field* commit = table->schema().Find(kCommitSeqColumn);
  std::vector<std::string>& columns = scan_options.columns;
  const bool asked = columns.empty() ||
                     std::find(columns.begin(), columns.end(), kCommitSeqColumn) != columns.end();
  if (commit != nullptr && !asked) columns.emplace_back(kCommitSeqColumn);
  WEIRHOUSE_TRY(const Scan scan, Scan::Plan(store, table, scan_options));
  HistoryReader reader(options, seq_of, commit != nullptr ? commit->id : 0);
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const Scan::Task& task : scan.tasks()) {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> part, reader.Read(scan, task));
    if (part != nullptr && part->num_rows() > 0) parts.push_back(std::move(part));
  }
  if (!parts.empty()) {
    const auto whole = arrow::ConcatenateTables(parts);
    if (!whole.ok()) return platform::ArrowFailed(whole.status());
    return *whole;
  }
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Schema> schema, scan.schema().ToArrow());
  arrow::FieldVector fields = schema->fields();
  if (commit == nullptr) {
    fields.push_back(arrow::field(std::string(kCommitSeqColumn), arrow::int64()));
  }
  const auto empty = arrow::Table::MakeEmpty(arrow::schema(std::move(fields)));
  if (!empty.ok()) return platform::ArrowFailed(empty.status());
  return *empty;
}
}  // namespace weirhouse::iceberg
