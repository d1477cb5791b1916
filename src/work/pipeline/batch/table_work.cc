#include "work/pipeline/batch/table_work.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/schema.h"
#include "ground/iceberg/write/reshape.h"
#include "ground/iceberg/write/stage_many.h"
#include "rules/transform/upsert/fact_runs.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/source_change.h"
#include "work/workspace/tables/table_shape.h"

namespace weirhouse::work {
namespace {
platform::ParquetOptions RowOptions() {
  platform::ParquetOptions options;
  options.delta_columns = {std::string(iceberg::kRecordColumn)};
  return options;
}

RecordCounts CountsOf(const transform::StateCounts& counts) {
  using catalog::RecordState;
  return {
      {RecordState::kProcessed, counts.processed}, {RecordState::kDuplicate, counts.duplicate},
      {RecordState::kConflict, counts.conflict},   {RecordState::kSuperseded, counts.superseded},
      {RecordState::kFiltered, counts.filtered},   {RecordState::kQuarantined, counts.quarantined}};
}

std::vector<RejectedRecord> RecordsOfRows(const std::vector<transform::RejectedRow>& rows,
                                          const std::string& table) {
  std::vector<RejectedRecord> records;
  records.reserve(rows.size());
  for (const transform::RejectedRow& row : rows)
    records.push_back(
        {row.record, contract::ViolationKind::kMissingKey, table, row.column, {}, {}});
  return records;
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
    WEIRHOUSE_TRY(work->plan_, transform::PlanFull(transform, *rows, ScratchOf(workspace)));
  } else {
    const auto& definition = transform.definition;
    WEIRHOUSE_TRY(
        iceberg::KeyIndex * index,
        workspace.IndexOf(definition.name(), definition.key_columns(), definition.order_columns()));
    WEIRHOUSE_TRY(transform::VersionIndex * versions, workspace.VersionsOf(transform));
    WEIRHOUSE_TRY(work->plan_,
                  transform::PlanUpsert(transform, *rows, *index, versions, ScratchOf(workspace)));
  }
  work->rejected_ = RecordsOfRows(work->plan_.rejected, transform.definition.name());
  WEIRHOUSE_TRY_STATUS(work->CountStates(rows, driver_rows));
  return work;
}

std::unique_ptr<TableWork> TableWork::OfPlan(Workspace& workspace,
                                             const transform::CheckedTransform& transform,
                                             transform::UpsertPlan plan, bool indexes_history) {
  std::unique_ptr<TableWork> work(new TableWork(workspace, transform));
  work->plan_ = std::move(plan);
  work->indexes_history_ = indexes_history;
  work->rejected_ = RecordsOfRows(work->plan_.rejected, transform.definition.name());
  work->taken_back_ = RecordsOfRows(work->plan_.taken_back, transform.definition.name());
  return work;
}

Result<std::unique_ptr<TableWork>> TableWork::OfLate(Workspace& workspace,
                                                     const transform::CheckedTransform& transform,
                                                     transform::UpsertPlan plan,
                                                     const std::shared_ptr<arrow::Table>& rows,
                                                     const SourceRecords& records) {
  std::unique_ptr<TableWork> work =
      OfPlan(workspace, transform, std::move(plan), /*indexes_history=*/false);
  work->records_ = &records;
  WEIRHOUSE_TRY_STATUS(work->CountStates(rows, nullptr));
  return work;
}

std::unique_ptr<TableWork> TableWork::Standing(Workspace& workspace,
                                               const transform::CheckedTransform& transform,
                                               const SourceRecords* records,
                                               const std::shared_ptr<arrow::Table>& driver_rows) {
  std::unique_ptr<TableWork> work(new TableWork(workspace, transform));
  work->records_ = records;
  work->full_ = true;
  work->stands_ = work->current_unchanged_ = work->history_unchanged_ = true;
  work->plan_.current_rows = arrow::Table::MakeEmpty(transform.output).ValueOr(nullptr);
  WEIRHOUSE_CHECK(work->plan_.current_rows != nullptr);
  if (records != nullptr && driver_rows != nullptr) {
    // As an aggregate counts its records when its SQL works.
    work->states_[catalog::RecordState::kProcessed] = records->rows->num_rows();
    work->totals_[catalog::RecordState::kProcessed] = driver_rows->num_rows();
  }
  return work;
}

void TableWork::Reject(const std::vector<RejectedRecord>& without) {
  rejected_.insert(rejected_.end(), without.begin(), without.end());
  if (records_ == nullptr) return;
  std::int64_t count = 0;
  for (const RejectedRecord& row : without) count += row.record.value() >= 0 ? 1 : 0;
  // They gave no row, so a table of rows counted them as filtered.
  const catalog::RecordState counted =
      transform_->row_wise ? catalog::RecordState::kFiltered : catalog::RecordState::kProcessed;
  for (auto* states : {&states_, full_ ? &totals_ : nullptr}) {
    if (states == nullptr || count == 0) continue;
    (*states)[counted] -= count;
    (*states)[catalog::RecordState::kQuarantined] += count;
  }
}

namespace {
// Digests of whole rows, sorted.
Result<std::vector<Digest>> SortedDigests(const arrow::Table& rows) {
  std::vector<int> columns(static_cast<std::size_t>(rows.num_columns()));
  std::iota(columns.begin(), columns.end(), 0);
  WEIRHOUSE_TRY(std::vector<Digest> digests, iceberg::RowDigests(rows, columns));
  std::sort(digests.begin(), digests.end());
  return digests;
}

// Whether the table `name` holds the rows of `after`: the declared columns and `_record`. A row may
// stay the same while it comes from another record, which downstream tables and traces use. A table
// that does not exist yet, or has other columns or partitions, holds nothing.
Result<bool> HoldsAlready(Workspace& workspace, const std::string& name,
                          const transform::CheckedTransform& transform,
                          const std::shared_ptr<arrow::Table>& after) {
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing, workspace.FindTable(name));
  if (!existing) return false;
  WEIRHOUSE_TRY(
      const std::string difference,
      ShapeDifference(**existing, *transform.output, transform.definition.partition_expressions()));
  if (!difference.empty()) return false;
  std::vector<std::string> declared;
  for (const iceberg::Field& field : (*existing)->schema().fields) {
    if (!iceberg::IsHidden(field.name)) declared.push_back(field.name);
  }
  std::vector<std::string> compared = declared;
  compared.emplace_back(iceberg::kRecordColumn);
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> before, workspace.ReadTable(name, compared));
  if (before->num_rows() != after->num_rows()) return false;
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> now, Selected(after, compared));
  WEIRHOUSE_TRY(const std::vector<Digest> old_rows, SortedDigests(*before));
  WEIRHOUSE_TRY(const std::vector<Digest> new_rows, SortedDigests(*now));
  return old_rows == new_rows;
}
}  // namespace

Status TableWork::DropUnchanged() {
  WEIRHOUSE_CHECK(full_);
  if (stands_) return Status();
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(current_unchanged_,
                HoldsAlready(workspace_, definition.name(), *transform_, plan_.current_rows));
  // A version that lost changes only the history.
  if (plan_.history_rows == nullptr) {
    history_unchanged_ = current_unchanged_;
    return Status();
  }
  WEIRHOUSE_TRY(history_unchanged_, HoldsAlready(workspace_, definition.history_table(),
                                                 *transform_, plan_.history_rows));
  return Status();
}

Status TableWork::CountStates(const std::shared_ptr<arrow::Table>& rows,
                              const std::shared_ptr<arrow::Table>& driver_rows) {
  if (records_ == nullptr) return Status();
  const std::shared_ptr<arrow::Table>& read = driver_rows != nullptr ? driver_rows : records_->rows;
  if (transform_->row_wise) {
    states_ = CountsOf(plan_.states);
    if (plan_.many) {  // each piece was checked when its SQL ran
      states_[catalog::RecordState::kFiltered] += read->num_rows() - rows->num_rows();
    } else {
      WEIRHOUSE_TRY(const std::vector<RecordId> filtered, transform::FilteredRecords(*read, *rows));
      states_[catalog::RecordState::kFiltered] += static_cast<std::int64_t>(filtered.size());
    }
  } else {
    // An aggregate uses every valid record.
    states_[catalog::RecordState::kProcessed] = read->num_rows();
  }
  if (!full_) return Status();
  totals_ = states_;
  // These are totals, so the counts of earlier commits are subtracted. Rejected rows are
  // quarantined by their own batch.
  WEIRHOUSE_TRY(const std::vector<catalog::RecordStateCount> counted,
                workspace_.catalog().RecordStates());
  for (const catalog::RecordStateCount& count : counted) {
    if (count.source == records_->source && count.table == transform_->definition.name())
      states_[count.state] -= count.count;
  }
  return Status();
}

bool TableWork::Covers(const std::string& table) const {
  if (stands_) return false;
  return table == transform_->definition.name() ||
         (plan_.history_rows != nullptr && table == transform_->definition.history_table());
}

const std::shared_ptr<arrow::Table>& TableWork::added_rows_of(const std::string& table) const {
  return table == transform_->definition.name() ? plan_.current_rows : plan_.history_rows;
}

bool TableWork::ChangesRows(const std::string& table) const {
  const bool current = table == transform_->definition.name();
  if (full_)
    return current ? !current_unchanged_
                   : !history_unchanged_;  // rows may have left without any joining
  return (current ? plan_.current_rows : plan_.history_rows)->num_rows() > 0 || LosesRows(table);
}

bool TableWork::LosesRows(const std::string& table) const {
  if (full_) return ChangesRows(table);
  const bool current = table == transform_->definition.name();
  return !(current ? plan_.deletes : plan_.history_deletes).empty();
}

Result<const TableWork::Change*> TableWork::ChangeOf(RowCache& tables, const std::string& table) {
  const auto known = changes_.find(table);
  if (known != changes_.end()) return &known->second;
  const bool current = table == transform_->definition.name();
  const auto after = PlainRows(current ? plan_.current_rows : plan_.history_rows);
  Change change;
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing, workspace_.FindTable(table));
  if (!existing) {
    change = {after, after->Slice(0, 0)};
  } else {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> before,
                  tables.Rows(table, NamesOf(*after->schema())));
    WEIRHOUSE_TRY(const RowChange changed, ChangeBetween(PlainRows(before), after));
    change = {changed.joined, changed.left};
  }
  return &changes_.emplace(table, std::move(change)).first->second;
}

Result<std::shared_ptr<arrow::Table>> TableWork::JoinedRows(RowCache& tables,
                                                            const std::string& table) {
  if (!full_) return table == transform_->definition.name() ? added_rows() : added_history();
  WEIRHOUSE_TRY(const Change* change, ChangeOf(tables, table));
  return change->joined;
}

Result<std::shared_ptr<arrow::Table>> TableWork::LeftRows(RowCache& tables,
                                                          const std::string& table) {
  if (full_) {
    WEIRHOUSE_TRY(const Change* change, ChangeOf(tables, table));
    return change->left;
  }
  const bool current = table == transform_->definition.name();
  const auto& added = current ? plan_.current_rows : plan_.history_rows;
  const auto& positions = current ? plan_.deletes : plan_.history_deletes;
  if (positions.empty()) return added->Slice(0, 0);
  return tables.RowsAt(table, NamesOf(*added->schema()), positions);
}

Result<std::vector<std::string>> TableWork::ChangedKeys(RowCache& tables) {
  std::vector<std::string> keys = plan_.gone;
  if (!full_ && plan_.many) {
    const auto& columns = transform_->definition.key_columns();
    for (const platform::RowRange& piece :
         platform::PiecesOf(*plan_.current_rows, ScratchOf(workspace_))) {
      WEIRHOUSE_TRY(
          const iceberg::KeyList some,
          iceberg::EncodeKeys(*plan_.current_rows->Slice(piece.begin, piece.count), columns));
      keys.insert(keys.end(), some.begin(), some.end());
    }
    return keys;
  }
  if (!full_) {
    keys.insert(keys.end(), plan_.current_facts.keys.begin(), plan_.current_facts.keys.end());
    return keys;
  }
  WEIRHOUSE_TRY(const Change* change, ChangeOf(tables, transform_->definition.name()));
  for (const auto& rows : {change->joined, change->left}) {
    WEIRHOUSE_TRY(const iceberg::KeyList some,
                  iceberg::EncodeKeys(*rows, transform_->definition.key_columns()));
    keys.insert(keys.end(), some.begin(), some.end());
  }
  return keys;
}

Result<std::shared_ptr<arrow::Table>> TableWork::StagedRows(
    RowCache& tables, const std::string& table, const std::vector<std::string>& columns) const {
  const bool current = table == transform_->definition.name();
  const std::shared_ptr<arrow::Table>& added = current ? plan_.current_rows : plan_.history_rows;
  const std::vector<std::string> wanted = columns.empty() ? NamesOf(*added->schema()) : columns;
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> mine, Selected(added, wanted));
  if (full_) return mine;
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing, workspace_.FindTable(table));
  if (!existing) return mine;
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> before,
                tables.Rows(table, wanted, current ? plan_.deletes : plan_.history_deletes));
  return Concatenate({before, mine});
}

// As KeysHeldByOthers, for many rows that each have a key of their own.
Result<std::vector<bool>> TableWork::ManyHeldByOthers() const {
  const auto& definition = transform_->definition;
  std::vector<bool> held(static_cast<std::size_t>(plan_.current_rows->num_rows()), false);
  if (full_) return held;
  WEIRHOUSE_TRY(
      iceberg::KeyIndex * index,
      workspace_.IndexOf(definition.name(), definition.key_columns(), definition.order_columns()));
  std::map<std::string, std::vector<std::int64_t>> replaced;
  for (const iceberg::RowPosition& row : plan_.deletes) replaced[row.file].push_back(row.position);
  for (auto& [file, positions] : replaced) std::sort(positions.begin(), positions.end());
  for (const platform::RowRange& piece :
       platform::PiecesOf(*plan_.current_rows, ScratchOf(workspace_))) {
    WEIRHOUSE_TRY(const iceberg::KeyList keys,
                  iceberg::EncodeKeys(*plan_.current_rows->Slice(piece.begin, piece.count),
                                      definition.key_columns()));
    WEIRHOUSE_TRY(const auto found, index->Find(keys.views()));
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!found[i]) continue;
      const auto file = replaced.find(found[i]->position.file);
      const bool goes =
          file != replaced.end() &&
          std::binary_search(file->second.begin(), file->second.end(), found[i]->position.position);
      held[static_cast<std::size_t>(piece.begin) + i] = !goes;
    }
    platform::LetGoOfStoredRows();
  }
  return held;
}

Result<std::vector<bool>> TableWork::KeysHeldByOthers() const {
  if (plan_.many) return ManyHeldByOthers();
  constexpr std::size_t kKeysAtOnce = 64 << 10;
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(const iceberg::KeyList keys,
                iceberg::EncodeKeys(*plan_.current_rows, definition.key_columns()));
  std::vector<bool> held(keys.size(), false);
  std::vector<std::size_t> sorted(keys.size());
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(),
            [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (keys[sorted[i]] == keys[sorted[i - 1]]) held[sorted[i]] = held[sorted[i - 1]] = true;
  }
  if (full_) return held;
  WEIRHOUSE_TRY(
      iceberg::KeyIndex * index,
      workspace_.IndexOf(definition.name(), definition.key_columns(), definition.order_columns()));
  std::set<std::pair<std::string, std::int64_t>> replaced;
  for (const iceberg::RowPosition& row : plan_.deletes) replaced.emplace(row.file, row.position);
  for (std::size_t begin = 0; begin < keys.size(); begin += kKeysAtOnce) {
    const std::size_t end = std::min(begin + kKeysAtOnce, keys.size());
    WEIRHOUSE_TRY(const auto found, index->Find(keys.views().subspan(begin, end - begin)));
    for (std::size_t i = begin; i < end; ++i) {
      const iceberg::KeyEntry* const entry = found[i - begin];
      if (entry != nullptr && replaced.count({entry->position.file, entry->position.position}) == 0)
        held[i] = true;
    }
  }
  return held;
}

Status TableWork::Stage(Publication& publication, const std::string& ref) {
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(const iceberg::Schema schema, iceberg::Schema::FromArrow(*transform_->output));
  auto stage = [&](const std::string& name, const std::shared_ptr<arrow::Table>& rows,
                   const std::vector<iceberg::RowPosition>& deletes, bool retracts,
                   iceberg::AppendedRows* appended) -> Result<iceberg::TablePtr> {
    // What downstream tables cannot tell from the rows that joined.
    const std::string change = full_ ? kMadeAnew : retracts ? kRetracted : "";
    WEIRHOUSE_TRY(const iceberg::TablePtr held, TableOrNew(workspace_, name, *transform_->output,
                                                           definition.partition_expressions(), {}));
    iceberg::TablePtr base = held;
    if (full_ && ref == "main") {
      WEIRHOUSE_TRY(base, iceberg::Reshape(held, schema, definition.partition_expressions()));
    }
    iceberg::StageOptions options = publication.StageAs(ref);
    if (!change.empty()) options.summary[kChangeSummary] = change;
    iceberg::StagedWrite write(workspace_.store(), base, workspace_.random(), std::move(options));
    if (base != held)
      write.SetProperty(iceberg::kReshapedProperty, std::to_string(base->current_schema_id) + "." +
                                                        std::to_string(base->default_spec_id));
    WEIRHOUSE_TRY_STATUS(write.SetSchema(schema));
    if (full_) WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
    if (!deletes.empty()) WEIRHOUSE_TRY_STATUS(write.DeleteRows(deletes));
    if (plan_.many) {
      WEIRHOUSE_TRY(auto places,
                    iceberg::AppendMany(write, *base, *rows, RowOptions(), ScratchOf(workspace_)));
      if (name == definition.name()) appended_many_ = std::move(places);
    } else if (rows->num_rows() > 0) {
      WEIRHOUSE_TRY(*appended, write.Append(*rows, RowOptions()));
    }
    WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
    publication.Add(staged);
    return staged.table;
  };
  if (!current_unchanged_) {
    WEIRHOUSE_TRY(staged_current_, stage(definition.name(), plan_.current_rows, plan_.deletes,
                                         !plan_.gone.empty(), &appended_));
  }
  if (plan_.history_rows != nullptr && !history_unchanged_) {
    WEIRHOUSE_TRY(staged_history_,
                  stage(definition.history_table(), plan_.history_rows, plan_.history_deletes,
                        !plan_.history_deletes.empty(), &appended_history_));
  }
  return Status();
}

Status TableWork::ApplyToIndexes(const iceberg::TablePtr& losers) {
  if (full_) return Status();  // the index of a rebuilt table is rebuilt at its next use
  const auto& definition = transform_->definition;
  WEIRHOUSE_TRY(iceberg::KeyIndex * index, workspace_.PeekIndex(definition.name()));
  if (plan_.many) return ApplyMany(*index, losers);
  WEIRHOUSE_TRY_STATUS(
      EnterRows(*index, staged_current_, plan_.current_facts, appended_, plan_.gone));
  WEIRHOUSE_TRY(transform::VersionIndex * versions, workspace_.PeekVersions(definition.name()));
  if (versions != nullptr) {
    const bool keeps = versions->memory() == transform::Memory::kHistory;
    WEIRHOUSE_TRY_STATUS(versions->Apply(keeps ? staged_history_ : losers, plan_.versions));
  }
  if (staged_history_ == nullptr || !indexes_history_) return Status();
  WEIRHOUSE_TRY(iceberg::KeyIndex * history, workspace_.PeekIndex(definition.history_table()));
  return EnterRows(*history, staged_history_, plan_.history_facts, appended_history_,
                   plan_.history_gone);
}

// Only the versions that lost, and the files of a partitioned table, are read again.
Status TableWork::ApplyMany(iceberg::KeyIndex& index, const iceberg::TablePtr& losers) {
  if (appended_many_.empty() || plan_.facts == nullptr) {
    WEIRHOUSE_TRY_STATUS(index.Refresh(workspace_.store(), staged_current_));
  } else {
    const auto name_rows = [&](const iceberg::KeyIndex::Put& put) {
      for (std::size_t i = 0; i < plan_.facts->count(); ++i) {
        const transform::ChosenFacts::Fact fact = plan_.facts->Next();
        const iceberg::AppendedPlace place = iceberg::PlaceOf(appended_many_, fact.rank);
        WEIRHOUSE_TRY_STATUS(
            put({fact.key, place.file, place.position, fact.order, &fact.content, fact.record}));
      }
      return Status();
    };
    WEIRHOUSE_TRY_STATUS(index.Apply(staged_current_, name_rows, plan_.gone));
    plan_.facts.reset();  // and with it the file
  }
  WEIRHOUSE_TRY(transform::VersionIndex * versions,
                workspace_.PeekVersions(transform_->definition.name()));
  if (versions == nullptr) return Status();
  const bool keeps = versions->memory() == transform::Memory::kHistory;
  const iceberg::TablePtr& source = keeps ? staged_history_ : losers;
  return source == nullptr ? Status() : versions->Refresh(workspace_.store(), source);
}

void TableWork::CountRows(std::map<std::string, std::int64_t>& rows_by_table) const {
  const auto& definition = transform_->definition;
  if (!current_unchanged_) rows_by_table[definition.name()] += plan_.current_rows->num_rows();
  if (plan_.history_rows != nullptr && !history_unchanged_)
    rows_by_table[definition.history_table()] += plan_.history_rows->num_rows();
}

void TableWork::NameTables(std::vector<std::string>& names) const {
  if (!current_unchanged_) names.push_back(transform_->definition.name());
  if (plan_.history_rows != nullptr && !history_unchanged_)
    names.push_back(transform_->definition.history_table());
}

std::vector<RejectedRecord> AllRejected(const std::vector<std::unique_ptr<TableWork>>& work) {
  std::vector<RejectedRecord> all;
  for (const auto& one : work)
    all.insert(all.end(), one->rejected().begin(), one->rejected().end());
  return all;
}

std::vector<std::string> RowsWithoutRecord(const std::vector<std::unique_ptr<TableWork>>& work) {
  std::map<std::string, std::int64_t> counts;  // by message
  for (const RejectedRecord& row : AllRejected(work)) {
    if (row.record.value() >= 0) continue;
    const std::string why =
        row.kind == contract::ViolationKind::kMissingKey
            ? fmt::format("whose key column \"{}\" is null (WH2112)", row.column)
            : fmt::format("on which {} fails at {} ({})", row.expression, row.column,
                          contract::CodeOf(row.kind));
    ++counts[row.table + "\n" + why];
  }
  std::vector<std::string> lines;
  for (const auto& [said, count] : counts) {
    const std::size_t end = said.find('\n');
    lines.push_back(fmt::format("{} left out {} of its rows, {}", said.substr(0, end), count,
                                said.substr(end + 1)));
  }
  return lines;
}
}  // namespace weirhouse::work
