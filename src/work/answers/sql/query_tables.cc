#include "work/answers/sql/query_tables.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ground/base/text.h"
#include "ground/catalog/moment.h"
#include "work/records/record_query.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/project_then.h"

namespace weirhouse::answers {
namespace {
constexpr std::int64_t kCommitsAtOnce = 1000;
// Commits count from 1; Iceberg snapshot ids are random and have 60 bits or so.
constexpr std::int64_t kSnapshotIdsFrom = 1LL << 40;

// The last commit at or before a wall-clock time, written `at`. If the clock once ran ahead, later
// commits have earlier times: then the last of them counts.
Result<CommitSeq> CommitBefore(catalog::Catalog& catalog, std::int64_t time_us,
                               const std::string& at) {
  CommitSeq last(0);
  CommitSeq after(0);
  std::optional<ProcessTime> first;
  while (true) {
    WEIRHOUSE_TRY(const auto entries, catalog.Commits(after, kCommitsAtOnce));
    for (const catalog::Catalog::CommitEntry& entry : entries) {
      if (!first) first = entry.committed_at;
      if (Micros(entry.committed_at) <= time_us) last = entry.seq;
    }
    if (entries.empty()) break;
    after = entries.back().seq;
  }
  if (last.value() > 0) return last;
  return Status(Code::kNotFound,
                fmt::format("there is no commit at or before {}: the first was made at {}", at,
                            first ? FormatTime(*first) : "no time yet"))
      .WithError("WH8037")
      .WithHint("--at takes the time of a commit, not of the data: system.commits has them all");
}

Result<std::shared_ptr<arrow::Table>> EmptyTable(const std::shared_ptr<arrow::Schema>& schema) {
  auto table = arrow::Table::MakeEmpty(schema);
  if (!table.ok()) return Status(Code::kInternal, table.status().ToString());
  return std::move(table).ValueUnsafe();
}

Result<std::shared_ptr<arrow::Table>> Selected(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::string>& columns) {
  if (columns.empty()) return rows;
  std::vector<int> indexes;
  for (const std::string& column : columns) {
    const int index = rows->schema()->GetFieldIndex(column);
    if (index >= 0) indexes.push_back(index);
  }
  auto selected = rows->SelectColumns(indexes);
  if (!selected.ok()) return Status(Code::kInternal, selected.status().ToString());
  return std::move(selected).ValueUnsafe();
}

std::string After(const std::string& name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string();
}

const work::Seed* FindSeed(const work::ProjectDefinition& project, const std::string& name) {
  for (const work::Seed& seed : project.seeds) {
    if ("ref." + seed.name == name) return &seed;
  }
  return nullptr;
}

// The columns of a table that the project defines and no batch has written yet; null for other
// tables.
std::shared_ptr<arrow::Schema> SchemaOfUnwritten(const work::ProjectDefinition& project,
                                                 const std::string& name) {
  for (const transform::CheckedTransform& transform : project.transforms) {
    const transform::TransformDefinition& definition = transform.definition;
    if (name == definition.name()) return transform.output;
    if (definition.history == transform::History::kKeep && name == definition.history_table())
      return transform.output;
  }
  return nullptr;
}

// The columns that `table` had as of `snapshot`; today's if there is none.
Result<std::shared_ptr<arrow::Schema>> SchemaAt(const iceberg::TableMetadata& table,
                                                std::optional<SnapshotId> id) {
  const iceberg::Snapshot* snapshot = id ? table.FindSnapshot(*id) : nullptr;
  for (const iceberg::Schema& schema : table.schemas) {
    if (snapshot != nullptr && schema.schema_id == snapshot->schema_id) return schema.ToArrow();
  }
  return table.schema().ToArrow();
}

std::vector<std::string> AllNames(const work::ProjectDefinition& project,
                                  const std::vector<catalog::TablePointer>& tables) {
  std::vector<std::string> names = SystemTableNames();
  for (const catalog::TablePointer& table : tables) names.push_back(table.name);
  for (const work::Source& source : project.sources) names.push_back("records." + source.name);
  for (const work::Seed& seed : project.seeds) names.push_back("ref." + seed.name);
  for (const transform::CheckedTransform& transform : project.transforms) {
    names.push_back(transform.definition.name());
    if (transform.definition.history == transform::History::kKeep)
      names.push_back(transform.definition.history_table());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()),
              names.end());  // system.losers is in both lists
  return names;
}
}  // namespace

Result<AsOf> ParseAsOf(work::Workspace& workspace, const std::string& at) {
  if (at.empty()) return AsOf();
  const std::string number = at.substr(at.find('@') == std::string::npos ? 0 : at.find('@') + 1);
  std::int64_t seq = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), seq);
  if (error == std::errc() && end == number.data() + number.size()) {
    WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
    if (seq >= 0 && seq <= last.value()) return AsOf{CommitSeq(seq), ""};
    if (seq > last.value() && seq < kSnapshotIdsFrom) {
      return Status(Code::kNotFound,
                    fmt::format("there is no commit {}: the last is {}", seq, last.value()))
          .WithError("WH8037");
    }
    return AsOf{std::nullopt, number};
  }
  const auto time = ParseTimeMicros(at, /*zoneless_is_utc=*/true);
  if (!time.ok()) return AsOf{std::nullopt, at};
  WEIRHOUSE_TRY(const CommitSeq commit, CommitBefore(workspace.catalog(), *time, at));
  return AsOf{commit, ""};
}

Result<std::vector<std::string>> QueryTableNames(work::Workspace& workspace) {
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  return AllNames(workspace.project(), tables);
}

// A table of the catalog as of what is asked for.
struct QueryTables::TableThen {
  std::optional<SnapshotId> snapshot;  // none: the head
  bool existed = true;                 // false: it has no snapshot as old as that
};

Result<QueryTables> QueryTables::Open(work::Workspace& workspace, AsOf at, const Chooser& choose) {
  QueryTables tables(workspace, std::move(at));
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog, [&]() -> Status {
    WEIRHOUSE_TRY(tables.seq_, catalog.LastSeq());
    WEIRHOUSE_TRY(const auto pointers, catalog.Tables());
    for (const catalog::TablePointer& pointer : pointers)
      tables.metadata_[pointer.name] = pointer.metadata_location;
    WEIRHOUSE_TRY(tables.chosen_, choose(AllNames(workspace.project(), pointers)));
    for (const std::string& name : tables.chosen_) {
      if (!name.starts_with("system.")) continue;
      WEIRHOUSE_TRY(tables.system_[name], tables.SystemRows(name));
    }
    return Status();
  }));
  WEIRHOUSE_TRY_STATUS(tables.FindDefinitions());
  return tables;
}

Status QueryTables::FindDefinitions() {
  const work::ProjectDefinition& today = workspace_->project();
  const bool any = std::any_of(chosen_.begin(), chosen_.end(), [&](const std::string& name) {
    return FindSeed(today, name) != nullptr || today.FindSource(After(name, "records.")) != nullptr;
  });
  if (!any || (!at_.commit && at_.snapshot.empty())) return Status();
  is_past_ = true;
  if (at_.commit) {
    seq_then_ = *at_.commit;
  } else {
    WEIRHOUSE_TRY(seq_then_, CommitOfSnapshot());
  }
  WEIRHOUSE_TRY(then_, work::ProjectAsOf(*workspace_, seq_then_));
  return Status();
}

// If tables are named beside records and seeds, these are read as of the newest snapshot's commit.
Result<CommitSeq> QueryTables::CommitOfSnapshot() const {
  CommitSeq newest(0);
  for (const std::string& name : chosen_) {
    if (metadata_.count(name) == 0) continue;
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, Find(name));
    WEIRHOUSE_TRY(const TableThen then, FindThen(*table));
    const iceberg::Snapshot* snapshot =
        then.snapshot ? (*table)->FindSnapshot(*then.snapshot) : nullptr;
    if (snapshot == nullptr) continue;
    WEIRHOUSE_TRY(const CommitSeq seq,
                  workspace_->catalog().SeqOf(name, snapshot->sequence_number));
    newest = std::max(newest, seq);
  }
  if (newest.value() > 0) return newest;
  return Status(Code::kInvalidInput,
                fmt::format("records and seeds have no snapshot, branch or tag: \"{}\"",
                            EscapeControl(at_.snapshot)))
      .WithError("WH2035")
      .WithHint("--at takes a commit or a time too");
}

Result<std::optional<iceberg::TablePtr>> QueryTables::Find(const std::string& name) const {
  const auto location = metadata_.find(name);
  if (location == metadata_.end()) return std::optional<iceberg::TablePtr>();
  WEIRHOUSE_TRY(iceberg::TablePtr table,
                iceberg::LoadTable(workspace_->store(), name, location->second));
  return std::optional<iceberg::TablePtr>(std::move(table));
}

Result<QueryTables::TableThen> QueryTables::FindThen(const iceberg::TablePtr& table) const {
  TableThen then;
  if (!at_.snapshot.empty()) {
    WEIRHOUSE_TRY(then.snapshot, work::FindTableSnapshot(*workspace_, *table, at_.snapshot));
  }
  if (at_.commit) {
    WEIRHOUSE_TRY(const auto snapshot,
                  workspace_->catalog().SnapshotAsOf(table->name, *at_.commit));
    then.existed = snapshot.has_value();
    if (snapshot) then.snapshot = snapshot->snapshot;
  }
  return then;
}

// Rows of a table of the catalog; no rows for a table of an applied definition that has none yet.
Result<std::shared_ptr<arrow::Table>> QueryTables::CatalogRows(
    const std::string& name, const std::vector<std::string>& columns) const {
  WEIRHOUSE_TRY(std::optional<iceberg::TablePtr> existing, Find(name));
  if (!existing && at_.snapshot.empty()) {
    if (const auto schema = SchemaOfUnwritten(workspace_->project(), name)) {
      WEIRHOUSE_TRY(const auto empty, EmptyTable(schema));
      return Selected(empty, columns);
    }
  }
  if (!existing) {
    WEIRHOUSE_TRY(existing,
                  workspace_->LoadTable(name));  // its error suggests a name
  }
  const iceberg::TablePtr& table = *existing;
  WEIRHOUSE_TRY(const TableThen then, FindThen(table));
  if (!then.existed) {
    WEIRHOUSE_TRY(const auto schema, SchemaAt(*table, then.snapshot));
    WEIRHOUSE_TRY(const auto empty, EmptyTable(schema));
    return Selected(empty, columns);
  }
  iceberg::ScanOptions options;
  options.columns = columns;
  options.snapshot = then.snapshot;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace_->store(), table, options));
  return scan.ReadAll();
}

// The catalog's state as tables, and system.losers, which can be read as of earlier commits.
Result<std::shared_ptr<arrow::Table>> QueryTables::SystemRows(const std::string& name) const {
  if (name != transform::kLosersTable) return SystemTable(*workspace_, name);
  WEIRHOUSE_TRY(const auto table, Find(name));
  if (!table) return LosersTable({});
  WEIRHOUSE_TRY(const TableThen then, FindThen(*table));
  if (!then.existed) return LosersTable({});
  WEIRHOUSE_TRY(const auto losers, work::CurrentLosers(*workspace_, then.snapshot));
  return LosersTable(losers);
}

std::shared_ptr<arrow::Schema> QueryTables::DefinedSchema(const std::string& name) const {
  // A table that was not defined then has today's columns and no rows.
  for (const work::ProjectDefinition* project : {Definitions(), &workspace_->project()}) {
    if (project == nullptr) continue;
    if (const work::Seed* seed = FindSeed(*project, name)) return seed->rows->schema();
    if (const work::Source* source = project->FindSource(After(name, "records.")))
      return contract::RecordsSchema(*project->contracts.at(source->contract));
  }
  return nullptr;
}

Result<std::shared_ptr<arrow::Schema>> QueryTables::Schema(const std::string& name) const {
  const work::ProjectDefinition& project = workspace_->project();
  if (auto defined = DefinedSchema(name)) return defined;
  if (const auto system = system_.find(name); system != system_.end())
    return system->second->schema();
  WEIRHOUSE_TRY(std::optional<iceberg::TablePtr> existing, Find(name));
  if (!existing) {
    if (auto schema = SchemaOfUnwritten(project, name)) return schema;
    WEIRHOUSE_TRY(existing, workspace_->LoadTable(name));
  }
  WEIRHOUSE_TRY(const TableThen then, FindThen(*existing));
  return SchemaAt(**existing, then.snapshot);
}

Result<std::shared_ptr<arrow::Table>> QueryTables::Rows(
    const std::string& name, const std::vector<std::string>& columns) const {
  const work::ProjectDefinition* project = Definitions();
  if (const auto schema = DefinedSchema(name)) {
    const work::Seed* seed = project != nullptr ? FindSeed(*project, name) : nullptr;
    if (seed != nullptr) return Selected(seed->rows, columns);
    const std::string source = After(name, "records.");
    if (project == nullptr || project->FindSource(source) == nullptr) {
      WEIRHOUSE_TRY(const auto empty, EmptyTable(schema));
      return Selected(empty, columns);
    }
    WEIRHOUSE_TRY(const auto rows, is_past_
                                       ? work::RecordsAsOf(*workspace_, then_, source, seq_then_)
                                       : work::RecordsOfSource(*workspace_, source, seq_));
    return Selected(rows, columns);
  }
  if (const auto system = system_.find(name); system != system_.end())
    return Selected(system->second, columns);
  return CatalogRows(name, columns);
}
}  // namespace weirhouse::answers
