#include "work/records/trace_rows.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "ground/iceberg/type/schema.h"
#include "ground/platform/columnar/arrow_status.h"
#include "ground/platform/columnar/cell_json.h"
#include "rules/feature/kernel/field_value.h"
#include "rules/feature/rows/rows.h"
#include "work/records/record_query.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
constexpr std::string_view kSequenceColumn = "_sequence_number";

// An integer, or a time in microseconds, in the form of bounds.
std::string BoundOf(std::int64_t value) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<std::size_t>(i)] =
        static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xFF);
  return bytes;
}

std::optional<std::int64_t> LongOfBound(const std::optional<std::string>& bytes) {
  if (!bytes || bytes->size() != 8) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
  return static_cast<std::int64_t>(value);
}

// The column as one int64 array (times by their microseconds).
Result<std::shared_ptr<arrow::Int64Array>> Longs(const arrow::Table& table,
                                                 std::string_view column) {
  const auto found = table.GetColumnByName(std::string(column));
  if (found == nullptr)
    return Status(Code::kCorruption, fmt::format("a table lacks the column \"{}\"", column))
        .WithError("WH6003");
  auto flat = arrow::Concatenate(found->chunks().empty()
                                     ? arrow::ArrayVector{*arrow::MakeArrayOfNull(found->type(), 0)}
                                     : found->chunks());
  if (!flat.ok()) return platform::ArrowFailed(flat.status());
  if ((*flat)->type_id() == arrow::Type::TIMESTAMP) {
    auto viewed = (*flat)->View(arrow::int64());
    if (!viewed.ok()) return platform::ArrowFailed(viewed.status());
    return std::static_pointer_cast<arrow::Int64Array>(*viewed);
  }
  auto cast = arrow::compute::Cast(**flat, arrow::int64());
  if (!cast.ok()) return platform::ArrowFailed(cast.status());
  return std::static_pointer_cast<arrow::Int64Array>(*cast);
}
}  // namespace

Result<ViewRows> ReadViewRows(Workspace& workspace, const feature::ViewPlan& plan, CommitSeq seq,
                              std::optional<std::int64_t> event_from) {
  const feature::FeatureView& view = plan.view;
  const std::string name = view.table_name();
  ViewRows rows;
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> snapshot,
                workspace.catalog().SnapshotAsOf(name, seq));
  if (!snapshot) {
    auto none = arrow::Table::MakeEmpty(feature::FeatureTableSchema(plan));
    if (!none.ok()) return Status(Code::kInternal, none.status().ToString());
    rows.table = *none;
    return rows;
  }
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
  iceberg::ScanOptions options;
  if (event_from && view.event_time)
    options.ranges.push_back({"event_time", BoundOf(*event_from), std::nullopt});
  bool grew = view.source_keeps_history();
  WEIRHOUSE_TRY(rows.expired, FindExpiry(workspace, *snapshot));
  if (grew && rows.expired) {
    WEIRHOUSE_TRY(grew, OnlyGrewSince(workspace, name, seq));
  }
  if (!rows.expired) {
    options.snapshot = snapshot->snapshot;
  } else if (grew) {
    // The snapshot is gone, but in an append-only table each row names the commit that added it.
    iceberg::HistoryOptions history;
    history.up_to = seq;
    history.scan = options;
    WEIRHOUSE_TRY(
        rows.table,
        iceberg::ReadHistory(workspace.store(), table, history, [&](std::int64_t sequence_number) {
          return workspace.catalog().SeqOf(name, sequence_number);
        }));
    return rows;
  } else {
    rows.exact = false;
  }
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, options));
  WEIRHOUSE_TRY(rows.table, scan.ReadAll());
  return rows;
}

Result<std::vector<std::optional<RecordId>>> RecordsOf(const arrow::Table& table,
                                                       const feature::FeatureRows& rows,
                                                       const std::vector<std::size_t>& wanted) {
  std::vector<std::optional<RecordId>> records(wanted.size());
  if (table.GetColumnByName(std::string(iceberg::kRecordColumn)) == nullptr) return records;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t row = wanted[i];
    places[std::string(rows.digest[row].view()) + BoundOf(rows.known_time[row])] = i;
  }
  WEIRHOUSE_TRY(const auto record, Longs(table, iceberg::kRecordColumn));
  WEIRHOUSE_TRY(const auto known, Longs(table, "known_time"));
  const auto digests = table.GetColumnByName("row_digest");
  if (digests == nullptr || digests->type()->id() != arrow::Type::BINARY) {
    return Status(Code::kCorruption, "a feature table lacks the column \"row_digest\"")
        .WithError("WH6003");
  }
  std::int64_t row = 0;
  for (const auto& chunk : digests->chunks()) {
    const auto& bytes = static_cast<const arrow::BinaryArray&>(*chunk);
    for (std::int64_t i = 0; i < bytes.length(); ++i, ++row) {
      if (record->IsNull(row)) continue;
      const std::int64_t known_time =
          known->IsNull(row) ? 0 : std::min(known->Value(row), feature::kLatest);
      const auto place = places.find(std::string(bytes.GetView(i)) + BoundOf(known_time));
      if (place != places.end()) records[place->second] = RecordId(record->Value(row));
    }
  }
  return records;
}

// ---- Processed rows -----------------------------------------------------------------------------

namespace {
// What a look-up reads of a table: declared columns, and the columns that tell where rows come
// from.
struct RowScan {
  iceberg::TablePtr table;
  std::vector<std::string> declared;
  iceberg::ScanOptions options;
};

Result<RowScan> ScanOf(Workspace& workspace, const std::string& name,
                       std::optional<CommitSeq> seq) {
  RowScan scan;
  WEIRHOUSE_TRY(scan.table, workspace.LoadTable(name));
  // A snapshot has the columns of then: fewer, where one was added since, be it by a compaction.
  const iceberg::Schema* schema = &scan.table->schema();
  if (seq) {
    WEIRHOUSE_TRY(const auto snapshot, workspace.catalog().SnapshotAsOf(name, *seq));
    const iceberg::Snapshot* const kept =
        snapshot ? scan.table->FindSnapshot(snapshot->snapshot) : nullptr;
    if (kept != nullptr) {
      scan.options.snapshot = kept->id;
      for (const iceberg::Schema& one : scan.table->schemas) {
        if (one.schema_id == kept->schema_id) schema = &one;
      }
    }
  }
  for (const iceberg::Field& field : schema->fields) {
    if (!iceberg::IsHidden(field.name)) scan.declared.push_back(field.name);
  }
  scan.options.columns = scan.declared;
  for (const std::string_view hidden : {iceberg::kRecordColumn, iceberg::kCommitSeqColumn}) {
    if (schema->Find(hidden) != nullptr) scan.options.columns.emplace_back(hidden);
  }
  scan.options.with_sequence_number = true;
  return scan;
}

// Row `row` of a RowScan's result.
Result<FoundRow> RowAt(Workspace& workspace, const RowScan& scan, const arrow::Table& rows,
                       std::int64_t row) {
  FoundRow found;
  found.cells = json::object();
  for (const std::string& column : scan.declared)
    found.cells[column] = platform::CellToJson(*rows.GetColumnByName(column), row);
  if (const auto record = rows.GetColumnByName(std::string(iceberg::kRecordColumn))) {
    const json cell = platform::CellToJson(*record, row);
    if (cell.is_number_integer()) found.record = RecordId(cell.get<std::int64_t>());
  }
  if (const auto seq = rows.GetColumnByName(std::string(iceberg::kCommitSeqColumn))) {
    const json cell = platform::CellToJson(*seq, row);
    if (cell.is_number_integer()) found.seq = CommitSeq(cell.get<std::int64_t>());
  }
  if (found.seq == CommitSeq()) {
    const json number =
        platform::CellToJson(*rows.GetColumnByName(std::string(kSequenceColumn)), row);
    WEIRHOUSE_TRY(found.seq,
                  workspace.catalog().SeqOf(scan.table->name, number.get<std::int64_t>()));
  }
  return found;
}

bool MayHold(const iceberg::DataFile& file, int field_id, const std::vector<std::int64_t>& sorted) {
  const auto statistics = file.columns.find(field_id);
  if (statistics == file.columns.end()) return true;
  const auto lower = LongOfBound(statistics->second.lower_bound);
  const auto upper = LongOfBound(statistics->second.upper_bound);
  if (!lower || !upper) return statistics->second.null_count < statistics->second.value_count;
  const auto first = std::lower_bound(sorted.begin(), sorted.end(), *lower);
  return first != sorted.end() && *first <= *upper;
}

// Sorted record numbers; narrows a scan to their range.
std::vector<std::int64_t> Narrow(iceberg::ScanOptions& options,
                                 const std::vector<RecordId>& records) {
  std::vector<std::int64_t> sorted;
  for (const RecordId record : records) sorted.push_back(record.value());
  std::sort(sorted.begin(), sorted.end());
  options.ranges.push_back(
      {std::string(iceberg::kRecordColumn), BoundOf(sorted.front()), BoundOf(sorted.back())});
  return sorted;
}
}  // namespace

Result<std::set<std::int64_t>> RecordsPresent(Workspace& workspace, const std::string& table,
                                              const std::vector<RecordId>& records) {
  std::set<std::int64_t> present;
  WEIRHOUSE_TRY(const iceberg::TablePtr loaded, workspace.LoadTable(table));
  const iceberg::Field* field = loaded->schema().Find(iceberg::kRecordColumn);
  if (field == nullptr || records.empty()) return present;
  iceberg::ScanOptions options;
  options.columns = {field->name};
  const std::vector<std::int64_t> sorted = Narrow(options, records);
  WEIRHOUSE_TRY(const iceberg::Scan plan, iceberg::Scan::Plan(workspace.store(), loaded, options));
  for (const iceberg::Scan::Task& task : plan.tasks()) {
    if (!MayHold(task.file, field->id, sorted)) continue;
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, plan.Read(task));
    WEIRHOUSE_TRY(const auto ids, Longs(*rows, iceberg::kRecordColumn));
    for (std::int64_t i = 0; i < ids->length(); ++i) {
      if (ids->IsNull(i) || !std::binary_search(sorted.begin(), sorted.end(), ids->Value(i)))
        continue;
      present.insert(ids->Value(i));
    }
  }
  return present;
}

Result<std::map<std::int64_t, FoundRow>> FindRowsByRecord(Workspace& workspace,
                                                          const std::string& table,
                                                          const std::vector<RecordId>& records,
                                                          std::optional<CommitSeq> seq) {
  std::map<std::int64_t, FoundRow> found;
  WEIRHOUSE_TRY(RowScan scan, ScanOf(workspace, table, seq));
  const iceberg::Field* field = scan.table->schema().Find(iceberg::kRecordColumn);
  if (field == nullptr || records.empty()) return found;
  const std::vector<std::int64_t> sorted = Narrow(scan.options, records);
  WEIRHOUSE_TRY(const iceberg::Scan plan,
                iceberg::Scan::Plan(workspace.store(), scan.table, scan.options));
  for (const iceberg::Scan::Task& task : plan.tasks()) {
    if (!MayHold(task.file, field->id, sorted)) continue;
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, plan.Read(task));
    WEIRHOUSE_TRY(const auto ids, Longs(*rows, iceberg::kRecordColumn));
    for (std::int64_t i = 0; i < ids->length(); ++i) {
      if (ids->IsNull(i) || !std::binary_search(sorted.begin(), sorted.end(), ids->Value(i)))
        continue;
      WEIRHOUSE_TRY(FoundRow row, RowAt(workspace, scan, *rows, i));
      const auto known = found.find(ids->Value(i));
      if (known == found.end() || known->second.seq < row.seq)
        found.insert_or_assign(ids->Value(i), std::move(row));
    }
  }
  return found;
}

Result<std::vector<FoundRow>> FindRowsByKey(Workspace& workspace, const std::string& table,
                                            const std::vector<std::string>& key_columns,
                                            const std::vector<std::string>& values) {
  if (key_columns.size() != values.size()) {
    return Status(Code::kInvalidInput, fmt::format("the key of \"{}\" has {} parts, {} were given",
                                                   table, key_columns.size(), values.size()))
        .WithError("WH6004")
        .WithHint("separate several key columns by \"/\"");
  }
  std::vector<FoundRow> found;
  WEIRHOUSE_TRY(RowScan scan, ScanOf(workspace, table, std::nullopt));
  // Reads the key columns first, file by file, and whole rows only of files with a match.
  iceberg::ScanOptions keys_only;
  keys_only.columns = key_columns;
  WEIRHOUSE_TRY(const iceberg::Scan keys,
                iceberg::Scan::Plan(workspace.store(), scan.table, keys_only));
  WEIRHOUSE_TRY(const iceberg::Scan whole,
                iceberg::Scan::Plan(workspace.store(), scan.table, scan.options));
  for (std::size_t t = 0; t < keys.tasks().size(); ++t) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, keys.Read(keys.tasks()[t]));
    arrow::Datum fits;
    for (std::size_t k = 0; k < key_columns.size(); ++k) {
      auto text = arrow::compute::Cast(rows->GetColumnByName(key_columns[k]), arrow::utf8());
      const auto type = rows->GetColumnByName(key_columns[k])->type();
      std::string wanted = values[k];
      if (type->id() == arrow::Type::TIMESTAMP) {
        WEIRHOUSE_TRY(const std::int64_t us, ParseTimeMicros(values[k], true));
        text = arrow::compute::CallFunction(
            "equal", {rows->GetColumnByName(key_columns[k]),
                      arrow::Datum(std::make_shared<arrow::TimestampScalar>(us, type))});
      } else if (text.ok()) {
        text = arrow::compute::CallFunction("equal", {*text, arrow::Datum(wanted)});
      }
      if (!text.ok()) return platform::ArrowFailed(text.status());
      auto both = k == 0 ? text : arrow::compute::CallFunction("and", {fits, *text});
      if (!both.ok()) return platform::ArrowFailed(both.status());
      fits = *both;
    }
    std::shared_ptr<arrow::Table> full;
    std::int64_t row = 0;
    for (const auto& chunk : fits.chunks()) {
      const auto& flags = static_cast<const arrow::BooleanArray&>(*chunk);
      for (std::int64_t i = 0; i < flags.length(); ++i, ++row) {
        if (flags.IsNull(i) || !flags.Value(i)) continue;
        if (full == nullptr) {
          WEIRHOUSE_TRY(full, whole.Read(whole.tasks()[t]));
        }
        WEIRHOUSE_TRY(FoundRow one, RowAt(workspace, scan, *full, row));
        found.push_back(std::move(one));
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const FoundRow& a, const FoundRow& b) { return a.seq < b.seq; });
  return found;
}

Result<std::vector<transform::StoredLoser>> LosersAround(Workspace& workspace, RecordId record) {
  WEIRHOUSE_TRY(std::vector<transform::StoredLoser> losers, CurrentLosers(workspace));
  std::erase_if(losers, [&](const transform::StoredLoser& lost) {
    return lost.record != record && lost.winner != record;
  });
  return losers;
}
}  // namespace weirhouse::work
