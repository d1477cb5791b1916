#include "command/query_tables.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "engine/record_query.h"
#include "engine/upkeep.h"

namespace weirhouse::command {
namespace {
constexpr std::int64_t kCommitsAtOnce = 1000;
// Commits count from 1; Iceberg snapshot ids are random and have 60 bits or so.
constexpr std::int64_t kSnapshotIdsFrom = 1LL << 40;

// The last commit at or before a wall-clock time. Where the clock once ran ahead, later commits
// have earlier times: then the last of them counts.
Result<std::optional<CommitSeq>> CommitBefore(catalog::Catalog& catalog, std::int64_t time_us) {
  CommitSeq last(0);
  CommitSeq after(0);
  while (true) {
    WEIRHOUSE_TRY(const auto entries, catalog.Commits(after, kCommitsAtOnce));
    for (const catalog::Catalog::CommitEntry& entry : entries) {
      if (Micros(entry.committed_at) <= time_us) last = entry.seq;
    }
    if (entries.empty()) return std::optional(last);
    after = entries.back().seq;
  }
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

const engine::Seed* FindSeed(const engine::ProjectDefinition& project, const std::string& name) {
  for (const engine::Seed& seed : project.seeds) {
    if ("ref." + seed.name == name) return &seed;
  }
  return nullptr;
}

// The columns of a table that the project defines and that no batch has written yet; null for
// others.
std::shared_ptr<arrow::Schema> SchemaOfUnwritten(const engine::ProjectDefinition& project,
                                                 const std::string& name) {
  for (const transform::CheckedTransform& transform : project.transforms) {
    const transform::TransformDefinition& definition = transform.definition;
    if (name == definition.name()) return transform.output;
    if (definition.history == transform::History::kKeep && name == definition.history_table())
      return transform.output;
  }
  return nullptr;
}

// A table of the catalog as of some moment.
struct TableThen {
  table::TablePtr table;
  std::optional<SnapshotId> snapshot;  // that is asked for; none: the head
  bool existed = true;                 // false: it has no snapshot as old as that
};

Result<TableThen> FindThen(engine::Workspace& workspace, const std::string& name, const AsOf& at) {
  TableThen then;
  WEIRHOUSE_TRY(then.table, workspace.LoadTable(name));
  if (!at.snapshot.empty()) {
    WEIRHOUSE_TRY(then.snapshot, engine::FindTableSnapshot(workspace, *then.table, at.snapshot));
  }
  if (at.commit) {
    WEIRHOUSE_TRY(const auto snapshot, workspace.catalog().SnapshotAsOf(name, *at.commit));
    then.existed = snapshot.has_value();
    if (snapshot) then.snapshot = snapshot->snapshot;
  }
  return then;
}

// The columns it had then. Of a table that did not exist yet, today's.
Result<std::shared_ptr<arrow::Schema>> SchemaThen(const TableThen& then) {
  const table::TableMetadata& table = *then.table;
  const table::Snapshot* snapshot = then.snapshot ? table.FindSnapshot(*then.snapshot) : nullptr;
  for (const table::Schema& schema : table.schemas) {
    if (snapshot != nullptr && schema.schema_id == snapshot->schema_id) return schema.ToArrow();
  }
  return table.schema().ToArrow();
}

// Rows of a table of the catalog; a table of an applied definition that holds nothing yet is empty.
Result<std::shared_ptr<arrow::Table>> CatalogRows(engine::Workspace& workspace,
                                                  const std::string& name,
                                                  const std::vector<std::string>& columns,
                                                  const AsOf& at) {
  WEIRHOUSE_TRY(const auto existing, workspace.FindTable(name));
  if (!existing && at.snapshot.empty()) {
    if (const auto schema = SchemaOfUnwritten(workspace.project(), name)) {
      WEIRHOUSE_TRY(const auto empty, EmptyTable(schema));
      return Selected(empty, columns);
    }
  }
  WEIRHOUSE_TRY(const TableThen then, FindThen(workspace, name, at));
  if (!then.existed) {
    WEIRHOUSE_TRY(const auto schema, SchemaThen(then));
    WEIRHOUSE_TRY(const auto empty, EmptyTable(schema));
    return Selected(empty, columns);
  }
  table::ScanOptions options;
  options.columns = columns;
  options.snapshot = then.snapshot;
  WEIRHOUSE_TRY(const table::Scan scan, table::Scan::Plan(workspace.disk(), then.table, options));
  return scan.ReadAll();
}

// The catalog as tables, and system.losers, of which earlier states can be asked for.
Result<std::shared_ptr<arrow::Table>> SystemRows(engine::Workspace& workspace,
                                                 const std::string& name, const AsOf& at) {
  if (name != transform::kLosersTable) return SystemTable(workspace, name);
  WEIRHOUSE_TRY(const auto table, workspace.FindTable(name));
  std::optional<SnapshotId> snapshot;
  if (table && !at.snapshot.empty()) {
    WEIRHOUSE_TRY(snapshot, engine::FindTableSnapshot(workspace, **table, at.snapshot));
  }
  if (at.commit) {
    WEIRHOUSE_TRY(const auto then, workspace.catalog().SnapshotAsOf(name, *at.commit));
    if (!then) return LosersTable({});
    snapshot = then->snapshot;
  }
  WEIRHOUSE_TRY(const auto losers, engine::CurrentLosers(workspace, snapshot));
  return LosersTable(losers);
}
}  // namespace

Result<AsOf> ParseAsOf(engine::Workspace& workspace, const std::string& at) {
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
  WEIRHOUSE_TRY(const std::optional<CommitSeq> commit, CommitBefore(workspace.catalog(), *time));
  return AsOf{commit, ""};
}

Result<std::vector<std::string>> QueryTableNames(engine::Workspace& workspace) {
  std::vector<std::string> names = SystemTableNames();
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  for (const catalog::TablePointer& table : tables) names.push_back(table.name);
  for (const engine::Source& source : workspace.project().sources)
    names.push_back("records." + source.name);
  for (const engine::Seed& seed : workspace.project().seeds) names.push_back("ref." + seed.name);
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    names.push_back(transform.definition.name());
    if (transform.definition.history == transform::History::kKeep)
      names.push_back(transform.definition.history_table());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());  // system.losers is both
  return names;
}

Result<std::shared_ptr<arrow::Schema>> QueryTableSchema(engine::Workspace& workspace,
                                                        const std::string& name, const AsOf& at) {
  const engine::ProjectDefinition& project = workspace.project();
  if (const engine::Seed* seed = FindSeed(project, name)) return seed->rows->schema();
  if (const engine::Source* source = project.FindSource(After(name, "records.")))
    return contract::RecordsSchema(*project.contracts.at(source->contract));
  if (name.starts_with("system.")) {
    WEIRHOUSE_TRY(const auto rows, SystemRows(workspace, name, AsOf()));
    return rows->schema();
  }
  WEIRHOUSE_TRY(const auto existing, workspace.FindTable(name));
  if (!existing) {
    if (auto schema = SchemaOfUnwritten(project, name)) return schema;
  }
  WEIRHOUSE_TRY(const TableThen then, FindThen(workspace, name, at));
  return SchemaThen(then);
}

Result<std::shared_ptr<arrow::Table>> QueryTableRows(engine::Workspace& workspace,
                                                     const std::string& name,
                                                     const std::vector<std::string>& columns,
                                                     const AsOf& at) {
  const engine::ProjectDefinition& project = workspace.project();
  if (const engine::Seed* seed = FindSeed(project, name)) return Selected(seed->rows, columns);
  if (const engine::Source* source = project.FindSource(After(name, "records."))) {
    WEIRHOUSE_TRY(const auto rows, engine::RecordsOfSource(workspace, source->name, at.commit));
    return Selected(rows, columns);
  }
  if (name.starts_with("system.")) {
    WEIRHOUSE_TRY(const auto rows, SystemRows(workspace, name, at));
    return Selected(rows, columns);
  }
  return CatalogRows(workspace, name, columns, at);
}
}  // namespace weirhouse::command
