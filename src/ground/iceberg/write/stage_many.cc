#include "ground/iceberg/write/stage_many.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>

#include "ground/iceberg/write/stage.h"
#include "ground/iceberg/write/stage_state.h"
#include "ground/platform/columnar/arrow_status.h"

namespace weirhouse::iceberg {
namespace {
constexpr std::int64_t kPiecesInFile = 2;
// Rows are grouped by partition this many pieces at a time: a piece of unordered rows contains some
// of each partition.
constexpr std::int64_t kPiecesBroughtTogether = 4;

using Partition = std::vector<std::optional<std::string>>;

platform::Scratch Times(platform::Scratch scratch, std::int64_t factor) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  scratch.piece_rows = scratch.piece_rows > kMost / factor ? kMost : scratch.piece_rows * factor;
  scratch.piece_bytes = scratch.piece_bytes > kMost / factor ? kMost : scratch.piece_bytes * factor;
  return scratch;
}

Result<std::vector<AppendedRange>> AppendInOrder(StagedWrite& write, const arrow::Table& rows,
                                                 const platform::ParquetOptions& options,
                                                 const platform::Scratch& scratch) {
  std::vector<AppendedRange> ranges;
  for (const platform::RowRange& piece : platform::PiecesOf(rows, Times(scratch, kPiecesInFile))) {
    if (piece.count == 0) continue;
    WEIRHOUSE_TRY(const AppendedRows appended,
                  write.Append(*rows.Slice(piece.begin, piece.count), options));
    AddRanges(appended, ranges);
    platform::LetGoOfStoredRows();
  }
  return ranges;
}

// The columns that determine the partition of a row.
Result<std::shared_ptr<arrow::Table>> PartitionColumns(const TableMetadata& base,
                                                       const arrow::Table& rows) {
  Schema schema;
  std::vector<int> columns;
  for (const PartitionField& field : base.spec().fields) {
    const Field* source = base.schema().FindById(field.source_id);
    if (source == nullptr || schema.Find(source->name) != nullptr) continue;
    schema.fields.push_back(*source);
    const int column = rows.schema()->GetFieldIndex(source->name);
    if (column >= 0) columns.push_back(column);
  }
  const auto chosen = rows.SelectColumns(columns);
  if (!chosen.ok()) return platform::ArrowFailed(chosen.status());
  WEIRHOUSE_TRY(const auto conformed, ConformRows(**chosen, schema, base.name));
  const auto combined = conformed->CombineChunks();
  if (!combined.ok()) return platform::ArrowFailed(combined.status());
  return *combined;
}

// The rows of `rows` group by group.
Status SplitPieces(const arrow::Table& rows, const PartitionGroups& groups, platform::RowFile& file,
                   std::map<Partition, std::vector<int>>& chunks) {
  std::vector<std::vector<std::int64_t>> rows_of(groups.values.size());
  for (std::size_t row = 0; row < groups.group_of_row.size(); ++row) {
    rows_of[static_cast<std::size_t>(groups.group_of_row[row])].push_back(
        static_cast<std::int64_t>(row));
  }
  for (std::size_t group = 0; group < rows_of.size(); ++group) {
    if (rows_of[group].empty()) continue;
    const arrow::Int64Array indices(static_cast<std::int64_t>(rows_of[group].size()),
                                    arrow::Buffer::Wrap(rows_of[group]));
    const auto taken = arrow::compute::Take(arrow::Datum(rows.Slice(0)),
                                            arrow::Datum(arrow::MakeArray(indices.data())),
                                            arrow::compute::TakeOptions::NoBoundsCheck());
    if (!taken.ok()) return platform::ArrowFailed(taken.status());
    chunks[groups.values[group]].push_back(static_cast<int>(file.count()));
    WEIRHOUSE_TRY_STATUS(file.Append(*taken->table()));
  }
  return Status();
}
}  // namespace

void AddRanges(const AppendedRows& appended, std::vector<AppendedRange>& ranges) {
  const std::int64_t first = ranges.empty() ? 0 : ranges.back().first_row + ranges.back().count;
  for (std::size_t i = 0; i < appended.file_of_row.size(); ++i) {
    const std::int64_t position = appended.position_of_row[i];
    const bool continues = i > 0 && appended.file_of_row[i] == appended.file_of_row[i - 1] &&
                           position == appended.position_of_row[i - 1] + 1;
    if (!continues) {
      const auto file = static_cast<std::size_t>(appended.file_of_row[i]);
      ranges.push_back(
          {appended.files[file].path, first + static_cast<std::int64_t>(i), position, 0});
    }
    ++ranges.back().count;
  }
}

AppendedPlace PlaceOf(const std::vector<AppendedRange>& ranges, std::int64_t row) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), row,
      [](std::int64_t wanted, const AppendedRange& range) { return wanted < range.first_row; });
  WEIRHOUSE_CHECK(after != ranges.begin());
  const AppendedRange& range = *std::prev(after);
  WEIRHOUSE_CHECK(row < range.first_row + range.count);
  return {range.file, range.position + row - range.first_row};
}

Result<std::vector<AppendedRange>> AppendMany(StagedWrite& write, const TableMetadata& base,
                                              const arrow::Table& rows,
                                              const platform::ParquetOptions& options,
                                              const platform::Scratch& scratch) {
  if (base.spec().fields.empty()) return AppendInOrder(write, rows, options, scratch);
  WEIRHOUSE_TRY(const auto file, platform::RowFile::Make(scratch.folder));
  std::map<Partition, std::vector<int>> chunks;
  for (const platform::RowRange& piece :
       platform::PiecesOf(rows, Times(scratch, kPiecesBroughtTogether))) {
    const auto combined = rows.Slice(piece.begin, piece.count)->CombineChunks();
    if (!combined.ok()) return platform::ArrowFailed(combined.status());
    WEIRHOUSE_TRY(const auto columns, PartitionColumns(base, **combined));
    WEIRHOUSE_TRY(const PartitionGroups groups,
                  GroupByPartition(*columns, base.spec(), base, base.schema()));
    WEIRHOUSE_TRY_STATUS(SplitPieces(**combined, groups, *file, chunks));
    platform::LetGoOfStoredRows();
  }
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> together, file->Finish());
  std::vector<AppendedRange> none;
  if (together == nullptr) return none;
  for (const auto& [partition, mine] : chunks) {
    arrow::ChunkedArrayVector columns;
    for (const auto& column : together->columns()) {
      arrow::ArrayVector parts;
      for (const int chunk : mine) parts.push_back(column->chunk(chunk));
      columns.push_back(std::make_shared<arrow::ChunkedArray>(std::move(parts)));
    }
    WEIRHOUSE_TRY_STATUS(
        AppendInOrder(write, *arrow::Table::Make(together->schema(), columns), options, scratch)
            .status());
  }
  return none;
}
}  // namespace weirhouse::iceberg
