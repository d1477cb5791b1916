#include "work/pipeline/rebuild/quarantine_table.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "ground/iceberg/table.h"
#include "ground/platform/columnar/row_store.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/keyless.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;
using ObjectKeys = std::set<std::pair<std::string, std::string>>;  // name, digest in digits

// The objects that the rebuild read. Objects that cannot be cut into records keep their row;
// objects that a person discarded keep theirs, which were published before.
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

// The columns that tell rows apart; the bytes of records are not read.
const std::vector<std::string>& IdentifyingColumns() {
  static const std::vector<std::string> columns = {"object", "object_digest", "ordinal", "reason"};
  return columns;
}
Result<RowsPtr> WithoutBytes(const RowsPtr& rows) {
  std::vector<int> columns;
  for (const std::string& name : IdentifyingColumns())
    columns.push_back(rows->schema()->GetFieldIndex(name));
  auto some = rows->SelectColumns(columns);
  if (!some.ok()) return Status(Code::kInternal, some.status().ToString());
  return *some;
}

Result<RowsPtr> RowsOfPiece(const RowsPtr& rows, const ObjectKeys& keys, bool inside) {
  arrow::BooleanBuilder mask;
  bool all = true;
  for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
    WEIRHOUSE_TRY(std::string name, TextAt(*rows, "object", row));
    WEIRHOUSE_TRY(std::string digest, TextAt(*rows, "object_digest", row));
    const bool known = keys.count({std::move(name), std::move(digest)}) != 0;
    all = all && known == inside;
    if (!mask.Append(known == inside).ok()) return Status(Code::kUnavailable, "no memory");
  }
  if (all) return rows;
  auto array = mask.Finish();
  if (!array.ok()) return Status(Code::kInternal, array.status().ToString());
  auto kept = arrow::compute::Filter(rows, *array);
  if (!kept.ok()) return Status(Code::kInternal, kept.status().ToString());
  return kept->table();
}
// Adds those of `rows` (may be null) that belong to one of the objects, or to none of them.
Status AddRowsOf(const RowsPtr& rows, const ObjectKeys& keys, bool inside,
                 const platform::Scratch& scratch, platform::RowStore& store) {
  if (rows == nullptr) return Status();
  for (const platform::RowRange& piece : platform::PiecesOf(*rows, scratch)) {
    WEIRHOUSE_TRY(const RowsPtr some,
                  RowsOfPiece(rows->Slice(piece.begin, piece.count), keys, inside));
    if (some->num_rows() > 0) WEIRHOUSE_TRY_STATUS(store.Add(some));
    platform::LetGoOfStoredRows();
  }
  return Status();
}

// Digests of the rows, in no order; equal rows have equal digests.
Status AddMarks(const RowsPtr& rows, const platform::Scratch& scratch, std::vector<Digest>& marks) {
  if (rows == nullptr) return Status();
  WEIRHOUSE_TRY(const RowsPtr told, WithoutBytes(rows));
  const std::vector<int> columns = {0, 1, 2, 3};
  for (const platform::RowRange& piece : platform::PiecesOf(*rows, scratch)) {
    WEIRHOUSE_TRY(const std::vector<Digest> some,
                  iceberg::RowDigests(*told->Slice(piece.begin, piece.count), columns));
    marks.insert(marks.end(), some.begin(), some.end());
    platform::LetGoOfStoredRows();
  }
  return Status();
}

// How often each row occurs. Bytes and place follow from object and record.
using Rows = std::map<QuarantineRow, std::int64_t>;

Result<QuarantineRow> RowAt(const arrow::Table& rows, std::int64_t row) {
  QuarantineRow one;
  WEIRHOUSE_TRY(one.object, TextAt(rows, "object", row));
  WEIRHOUSE_TRY(one.object_digest, TextAt(rows, "object_digest", row));
  WEIRHOUSE_TRY(one.ordinal, TextAt(rows, "ordinal", row));
  WEIRHOUSE_TRY(one.reason, TextAt(rows, "reason", row));
  return one;
}

Result<Rows> CountRows(const RowsPtr& rows) {
  Rows counts;
  for (std::int64_t row = 0; rows != nullptr && row < rows->num_rows(); ++row) {
    WEIRHOUSE_TRY(QuarantineRow one, RowAt(*rows, row));
    ++counts[std::move(one)];
  }
  return counts;
}

Rows WithoutPlaces(const Rows& rows) {
  Rows counts;
  for (const auto& [row, count] : rows) {
    QuarantineRow one = row;
    one.reason = WithoutPlace(row.reason);
    counts[std::move(one)] += count;
  }
  return counts;
}

// The quarantine rows of `records` and of `rejected`, which the rebuilt tables cannot keep; may be
// null.
Result<RowsPtr> RebuiltRows(Workspace& workspace, const SourceRecords& records,
                            std::vector<RejectedRecord> rejected_records, const ObjectKeys& read,
                            bool with_bytes) {
  const platform::Scratch scratch = ScratchOf(workspace);
  platform::RowStore store(scratch);
  WEIRHOUSE_TRY(const auto rejected,
                QuarantineRejected(workspace, records, std::move(rejected_records)));
  for (RowsPtr rows : {records.quarantine, rejected}) {
    if (rows == nullptr) continue;
    if (!with_bytes) {
      WEIRHOUSE_TRY(rows, WithoutBytes(rows));
    }
    WEIRHOUSE_TRY_STATUS(AddRowsOf(rows, read, /*inside=*/true, scratch, store));
  }
  return store.Finish();
}

// The quarantine before it is replaced.
struct StandingQuarantine {
  std::vector<Digest> replaced;  // rows of objects that were read
  RowsPtr kept;                  // all others; may be null
};
Result<StandingQuarantine> StandingRows(Workspace& workspace, const std::string& name,
                                        const ObjectKeys& read) {
  const platform::Scratch scratch = ScratchOf(workspace);
  platform::RowStore kept(scratch);
  StandingQuarantine standing;
  WEIRHOUSE_TRY(const auto existing, workspace.FindTable(name));
  if (existing && (*existing)->current_snapshot() != nullptr) {
    iceberg::ScanOptions told;
    told.columns = IdentifyingColumns();
    iceberg::ScanOptions whole;
    whole.columns = QuarantineSchema()->field_names();
    WEIRHOUSE_TRY(const iceberg::Scan scan,
                  iceberg::Scan::Plan(workspace.store(), *existing, told));
    WEIRHOUSE_TRY(const iceberg::Scan all,
                  iceberg::Scan::Plan(workspace.store(), *existing, whole));
    for (std::size_t i = 0; i < scan.tasks().size(); ++i) {
      WEIRHOUSE_TRY(const RowsPtr rows, scan.Read(scan.tasks()[i]));
      WEIRHOUSE_TRY(const RowsPtr inside, RowsOfPiece(rows, read, /*inside=*/true));
      WEIRHOUSE_TRY_STATUS(AddMarks(inside, scratch, standing.replaced));
      if (inside->num_rows() == rows->num_rows()) continue;
      WEIRHOUSE_TRY(const RowsPtr file, all.Read(all.tasks()[i]));
      WEIRHOUSE_TRY_STATUS(AddRowsOf(file, read, /*inside=*/false, scratch, kept));
    }
  }
  WEIRHOUSE_TRY(standing.kept, kept.Finish());
  std::sort(standing.replaced.begin(), standing.replaced.end());
  return standing;
}
}  // namespace

Result<QuarantineComparison> CompareQuarantine(
    Workspace& workspace, const SourceRecords& records, std::vector<RejectedRecord> rejected,
    const iceberg::TablePtr& stored, const std::function<bool(const std::string&)>& asked) {
  WEIRHOUSE_TRY(const ObjectKeys read, ReadObjects(workspace, records));
  RowsPtr held;
  if (stored != nullptr && stored->current_snapshot() != nullptr) {
    iceberg::ScanOptions options;
    options.columns = IdentifyingColumns();
    WEIRHOUSE_TRY(const iceberg::Scan scan,
                  iceberg::Scan::Plan(workspace.store(), stored, options));
    WEIRHOUSE_TRY(const RowsPtr all, scan.ReadAll());
    WEIRHOUSE_TRY(held, RowsOfPiece(all, read, /*inside=*/true));
  }
  WEIRHOUSE_TRY(const RowsPtr rebuilt, RebuiltRows(workspace, records, std::move(rejected), read,
                                                   /*with_bytes=*/false));
  WEIRHOUSE_TRY(const Rows held_rows, CountRows(held));
  WEIRHOUSE_TRY(const Rows rebuilt_rows, CountRows(rebuilt));
  Rows there = WithoutPlaces(held_rows);
  Rows here = WithoutPlaces(rebuilt_rows);
  QuarantineComparison comparison;
  Rows all = there;
  all.insert(here.begin(), here.end());
  for (const auto& [row, count] : all) {
    if (!asked(KeptOutBy(row.reason))) continue;
    comparison.stored += there[row];
    comparison.rebuilt += here[row];
    if (there[row] == here[row]) continue;
    comparison.differing += std::abs(there[row] - here[row]);
    comparison.rows.push_back({row, there[row], here[row]});
  }
  return comparison;
}

Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work) {
  for (const auto& [source, records] : sources) {
    const std::string name = "quarantine." + source;
    WEIRHOUSE_TRY(const ObjectKeys read, ReadObjects(workspace, records));
    WEIRHOUSE_TRY(const RowsPtr now, RebuiltRows(workspace, records, AllRejected(work), read,
                                                 /*with_bytes=*/true));
    WEIRHOUSE_TRY(const StandingQuarantine standing, StandingRows(workspace, name, read));
    std::vector<Digest> marks;
    WEIRHOUSE_TRY_STATUS(AddMarks(now, ScratchOf(workspace), marks));
    std::sort(marks.begin(), marks.end());
    if (standing.replaced == marks) continue;
    WEIRHOUSE_TRY(const iceberg::TablePtr base,
                  TableOrNew(workspace, name, *QuarantineSchema(), {}, {}));
    iceberg::StagedWrite write(workspace.store(), base, workspace.random(), publication.StageAs());
    WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
    for (const RowsPtr& rows : {standing.kept, now}) {
      if (rows != nullptr && rows->num_rows() > 0)
        WEIRHOUSE_TRY_STATUS(write.Append(*rows).status());
    }
    WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}
}  // namespace weirhouse::work
