#include "engine/table_work.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <set>

#include "engine/arrow_rows.h"
#include "table/schema.h"

namespace weirhouse::engine {
namespace {
storage::ParquetOptions RowOptions() {
  storage::ParquetOptions options;
  options.delta_columns = {std::string(table::kRecordColumn)};
  return options;
}

std::map<std::string, std::int64_t> ByName(const transform::StateCounts& counts) {
  return {{"processed", counts.processed}, {"duplicate", counts.duplicate},
          {"conflict", counts.conflict},   {"superseded", counts.superseded},
          {"filtered", counts.filtered},   {"quarantined", counts.quarantined}};
}

Result<std::shared_ptr<arrow::Table>> Selected(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::string>& columns) {
  if (columns.empty()) return PlainRows(rows);
  std::vector<int> wanted;
  for (const std::string& column : columns) {
    const int index = rows->schema()->GetFieldIndex(column);
    if (index < 0)
      return Status(Code::kInvalidInput, fmt::format("no such column: \"{}\"", column))
          .WithError("WH8012");
    wanted.push_back(index);
  }
  auto selected = rows->SelectColumns(wanted);
  if (!selected.ok()) return Status(Code::kInternal, selected.status().ToString());
  return PlainRows(*selected);
}

std::vector<std::string> NamesOf(const arrow::Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields()) names.push_back(field->name());
  return names;
}
}  // namespace

Result<std::unique_ptr<TableWork>> TableWork::Make(Workspace& workspace,
                                                   const transform::CheckedTransform& transform,
                                                   const std::shared_ptr<arrow::Table>& rows,
                                                   const SourceRecords* records,
                                                   const std::shared_ptr<arrow::Table>& driver_rows,
                                                   bool full) {
  std::unique_ptr<TableWork> work(new TableWork(workspace, transform));
  work->records_ = records;
  work->full_ = full;
  if (full) {
    WEIRHOUSE_TRY(work->plan_, transform::PlanFull(transform, *rows));
    WEIRHOUSE_TRY_STATUS(work->DropIfUnchanged());
  } else {
    const auto& definition = transform.definition;
    WEIRHOUSE_TRY(
        table::KeyIndex * index,
        workspace.IndexOf(definition.name(), definition.key_columns(), definition.order_columns()));
    WEIRHOUSE_TRY(transform::VersionIndex * versions, workspace.VersionsOf(transform));
    WEIRHOUSE_TRY(work->plan_, transform::PlanUpsert(transform, *rows, *index, versions));
  }
  for (const transform::RejectedRow& row : work->plan_.rejected) {
    work->rejected_.push_back(
        {row.record, row.error_code, transform.definition.name(), row.column});
  }
  WEIRHOUSE_TRY_STATUS(work->CountStates(rows, driver_rows));
  return work;
}

// Equal content: nothing is written, readers keep their files and nobody downstream is woken.
Status TableWork::DropIfUnchanged() {
  WEIRHOUSE_TRY(const std::optional<table::TablePtr> existing,
                workspace_.FindTable(transform_->definition.name()));
  if (!existing) return Status();
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> before,
                workspace_.ReadTable(transform_->definition.name()));
  if (before->num_rows() != plan_.current_rows->num_rows()) return Status();
  const std::shared_ptr<arrow::Table> after = DeclaredColumns(plan_.current_rows);
  if (NamesOf(*before->schema()) != NamesOf(*after->schema())) return Status();
  WEIRHOUSE_TRY(const Digest old_content, table::ContentDigest(*before));
  WEIRHOUSE_TRY(const Digest new_content, table::ContentDigest(*after));
  unchanged_ = old_content == new_content;
  return Status();
}

Status TableWork::CountStates(const std::shared_ptr<arrow::Table>& rows,
                              const std::shared_ptr<arrow::Table>& driver_rows) {
  if (records_ == nullptr) return Status();
  if (!transform_->row_wise) {
    // An aggregate uses every valid record.
    states_["processed"] = records_->rows->num_rows();
    return Status();
  }
  const std::shared_ptr<arrow::Table>& read = driver_rows != nullptr ? driver_rows : records_->rows;
  WEIRHOUSE_TRY(const std::vector<RecordId> filtered, transform::FilteredRecords(*read, *rows));
  states_ = ByName(plan_.states);
  states_["filtered"] += static_cast<std::int64_t>(filtered.size());
  if (!full_) return Status();
  // These are totals: what earlier commits counted is taken off. Rejected rows are quarantined by
  // their own batch.
  WEIRHOUSE_TRY(const std::vector<catalog::RecordStateCount> counted,
                workspace_.catalog().RecordStates());
  for (const catalog::RecordStateCount& count : counted) {
    if (count.source == records_->source && count.table == transform_->definition.name())
      states_[count.state] -= count.count;
  }
  return Status();
}

bool TableWork::Covers(const std::string& table) const {
  return table == transform_->definition.name() ||
         (plan_.history_rows != nullptr && table == transform_->definition.history_table());
}

bool TableWork::ChangesRows() const {
  if (unchanged_) return false;
  if (full_) return true;  // also where rows only left
  return plan_.current_rows->num_rows() > 0 ||
         (plan_.history_rows != nullptr && plan_.history_rows->num_rows() > 0);
}

Result<std::shared_ptr<arrow::Table>> TableWork::StagedRows(
    TableView& tables, const std::string& table, const std::vector<std::string>& columns) const {
  const bool current = table == transform_->definition.name();
  const std::shared_ptr<arrow::Table>& added = current ? plan_.current_rows : plan_.history_rows;
  const std::vector<std::string> wanted = columns.empty() ? NamesOf(*added->schema()) : columns;
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> mine, Selected(added, wanted));
  if (full_) return mine;
  WEIRHOUSE_TRY(const std::optional<table::TablePtr> existing, workspace_.FindTable(table));
  if (!existing) return mine;
  WEIRHOUSE_TRY(
      const std::shared_ptr<arrow::Table> before,
      tables.Rows(table, wanted, current ? plan_.deletes : std::vector<table::RowPosition>()));
  return Concatenate({before, mine});
}

Result<std::vector<bool>> TableWork::KeysHeldByOthers() const {
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(const std::vector<std::string> keys,
                table::EncodeKeys(*plan_.current_rows, definition.key_columns()));
  std::vector<bool> held(keys.size(), false);
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto [other, fresh] = first.emplace(keys[i], i);
    if (!fresh) held[i] = held[other->second] = true;
  }
  if (full_) return held;
  WEIRHOUSE_TRY(
      table::KeyIndex * index,
      workspace_.IndexOf(definition.name(), definition.key_columns(), definition.order_columns()));
  WEIRHOUSE_TRY(const auto found, index->Find(keys));
  std::set<std::pair<std::string, std::int64_t>> replaced;
  for (const table::RowPosition& row : plan_.deletes) replaced.emplace(row.file, row.position);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i] && replaced.count({found[i]->position.file, found[i]->position.position}) == 0)
      held[i] = true;
  }
  return held;
}

std::optional<std::int64_t> NewestTime(const arrow::Table& rows,
                                       const transform::TransformDefinition& definition) {
  const auto& column_name = definition.known ? definition.known : definition.event;
  if (!column_name) return std::nullopt;
  const auto column = rows.GetColumnByName(column_name->name);
  if (column == nullptr || column->type()->id() != arrow::Type::TIMESTAMP) return std::nullopt;
  std::optional<std::int64_t> newest;
  for (const auto& chunk : column->chunks()) {
    const auto& times = static_cast<const arrow::TimestampArray&>(*chunk);
    for (std::int64_t i = 0; i < times.length(); ++i) {
      if (times.IsValid(i)) newest = std::max(newest.value_or(times.Value(i)), times.Value(i));
    }
  }
  return newest;
}

Status TableWork::Stage(Publication& publication, const std::string& ref) {
  if (unchanged_) return Status();
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(const table::Schema schema, table::Schema::FromArrow(*transform_->output));
  auto stage = [&](const std::string& name, const std::shared_ptr<arrow::Table>& rows,
                   const std::vector<table::RowPosition>& deletes,
                   table::AppendedRows* appended) -> Result<table::TablePtr> {
    WEIRHOUSE_TRY(const table::TablePtr base, TableOrNew(workspace_, name, *transform_->output,
                                                         definition.partition_expressions(), {}));
    table::StagedWrite write(workspace_.disk(), base, workspace_.random(),
                             publication.StageAs(ref));
    WEIRHOUSE_TRY_STATUS(write.SetSchema(schema));
    if (full_) WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
    if (!deletes.empty()) WEIRHOUSE_TRY_STATUS(write.DeleteRows(deletes));
    if (rows->num_rows() > 0) {
      WEIRHOUSE_TRY(*appended, write.Append(*rows, RowOptions()));
    }
    WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
    publication.Add(staged);
    return staged.table;
  };
  WEIRHOUSE_TRY(staged_current_,
                stage(definition.name(), plan_.current_rows, plan_.deletes, &appended_));
  if (plan_.history_rows != nullptr) {
    table::AppendedRows ignored;
    WEIRHOUSE_TRY(staged_history_,
                  stage(definition.history_table(), plan_.history_rows, {}, &ignored));
  }
  return Status();
}

Status TableWork::ApplyToIndexes() {
  if (unchanged_ || full_)
    return Status();  // a rebuilt table's index is rebuilt when it is next asked for
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(table::KeyIndex * index, workspace_.PeekIndex(definition.name()));
  WEIRHOUSE_TRY_STATUS(
      index->Apply(staged_current_, transform::IndexEntries(plan_, appended_), {}));
  if (staged_history_ != nullptr) {
    WEIRHOUSE_TRY(transform::VersionIndex * versions, workspace_.PeekVersions(definition.name()));
    WEIRHOUSE_TRY_STATUS(versions->Apply(staged_history_, plan_.versions));
  }
  return Status();
}

void TableWork::CountRows(std::map<std::string, std::int64_t>& rows_by_table) const {
  if (unchanged_) return;
  rows_by_table[transform_->definition.name()] += plan_.current_rows->num_rows();
  if (plan_.history_rows != nullptr)
    rows_by_table[transform_->definition.history_table()] += plan_.history_rows->num_rows();
}

void TableWork::NameTables(std::vector<std::string>& names) const {
  if (unchanged_) return;
  names.push_back(transform_->definition.name());
  if (plan_.history_rows != nullptr) names.push_back(transform_->definition.history_table());
}

Result<std::shared_ptr<arrow::Table>> EmptyRowsOf(Workspace& workspace, const std::string& table,
                                                  const std::vector<std::string>& columns) {
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    if (table != transform.definition.name() && table != transform.definition.history_table())
      continue;
    auto empty = arrow::Table::MakeEmpty(transform.output);
    if (!empty.ok()) return Status(Code::kInternal, empty.status().ToString());
    return Selected(*empty, columns);
  }
  return workspace.LoadTable(table).status();
}

Result<std::shared_ptr<arrow::Table>> NewRowsOf(Workspace& workspace, const TableWork* upstream,
                                                const std::string& table) {
  if (upstream == nullptr) return EmptyRowsOf(workspace, table, {});
  return table == upstream->transform().definition.name() ? upstream->added_rows()
                                                          : upstream->added_history();
}

Status AppendRows(Workspace& workspace, Publication& publication, const std::string& name,
                  const std::shared_ptr<arrow::Table>& rows) {
  WEIRHOUSE_TRY(const table::TablePtr base, TableOrNew(workspace, name, *rows->schema(), {}, {}));
  table::StagedWrite write(workspace.disk(), base, workspace.random(), publication.StageAs());
  WEIRHOUSE_TRY_STATUS(write.Append(*rows, RowOptions()).status());
  WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
  publication.Add(staged);
  return Status();
}

std::vector<RejectedRecord> AllRejected(const std::vector<std::unique_ptr<TableWork>>& work) {
  std::vector<RejectedRecord> all;
  for (const auto& one : work)
    all.insert(all.end(), one->rejected().begin(), one->rejected().end());
  return all;
}

std::vector<std::string> RowsWithoutRecord(const std::vector<std::unique_ptr<TableWork>>& work) {
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  for (const RejectedRecord& row : AllRejected(work)) {
    if (row.record.value() < 0) ++counts[{row.table, row.column}];
  }
  std::vector<std::string> lines;
  for (const auto& [place, count] : counts) {
    lines.push_back(
        fmt::format("{} left out {} of its rows, whose key column \"{}\" is null (WH2112)",
                    place.first, count, place.second));
  }
  return lines;
}

Status StageRejected(Workspace& workspace, Publication& publication,
                     const std::map<std::string, SourceRecords>& sources,
                     const std::vector<std::unique_ptr<TableWork>>& work) {
  const std::vector<RejectedRecord> rejected = AllRejected(work);
  if (rejected.empty()) return Status();
  for (const auto& [source, records] : sources) {
    const std::string name = "quarantine." + source;
    std::set<std::int64_t> known;
    WEIRHOUSE_TRY(const std::optional<table::TablePtr> existing, workspace.FindTable(name));
    if (existing) {
      WEIRHOUSE_TRY(const auto rows,
                    workspace.ReadTable(name, {std::string(table::kRecordColumn)}));
      for (const auto& chunk : rows->column(0)->chunks()) {
        const auto& ids = static_cast<const arrow::Int64Array&>(*chunk);
        for (std::int64_t i = 0; i < ids.length(); ++i)
          if (ids.IsValid(i)) known.insert(ids.Value(i));
      }
    }
    std::vector<RejectedRecord> fresh;
    for (const RejectedRecord& record : rejected)
      if (known.count(record.record.value()) == 0) fresh.push_back(record);
    WEIRHOUSE_TRY(const auto rows, QuarantineRejected(workspace, records, std::move(fresh)));
    if (rows != nullptr) WEIRHOUSE_TRY_STATUS(AppendRows(workspace, publication, name, rows));
  }
  return Status();
}

Status StageLosers(Workspace& workspace, Publication& publication,
                   const std::vector<std::unique_ptr<TableWork>>& work) {
  RowBuilder rows(arrow::schema(
      {arrow::field("record", arrow::int64(), false), arrow::field("table", arrow::utf8(), false),
       arrow::field("state", arrow::utf8(), false), arrow::field("winner", arrow::int64(), false),
       arrow::field("run", arrow::int64(), false)}));
  for (const auto& one : work) {
    for (const transform::Loser& loser : one->losers()) {
      rows.Int(0, loser.record.value());
      rows.Text(1, one->transform().definition.name());
      rows.Text(2, transform::RecordStateName(loser.state));
      rows.Int(3, loser.winner.value());
      rows.Int(4, publication.run().id.value());
      rows.EndRow();
    }
  }
  if (rows.row_count() == 0) return Status();
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> table, rows.Finish());
  return AppendRows(workspace, publication, "system.losers", table);
}
}  // namespace weirhouse::engine
