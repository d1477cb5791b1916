#include "work/workspace/tables/external_table.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "work/project/table_rules.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
std::string ContractTitle(const ProjectDefinition& project,
                          const transform::TransformDefinition& definition) {
  return project.contracts.at(definition.contract->name)->Title();
}

Status Refused(const transform::TransformDefinition& definition, std::string why,
               std::string hint) {
  return Status(Code::kContractRefused,
                fmt::format("the table \"{}\" {}", definition.name(), std::move(why)))
      .WithError("WH2025")
      .WithSpan(definition.table.span)
      .WithHint(std::move(hint));
}

Result<iceberg::TablePtr> MakeExternal(Workspace& workspace,
                                       const transform::CheckedTransform& transform) {
  const transform::TransformDefinition& definition = transform.definition;
  iceberg::NewTable made;
  made.name = definition.name();
  made.location = workspace.TableLocation(made.name);
  WEIRHOUSE_TRY(made.schema, iceberg::Schema::FromArrow(*transform.output));
  for (const std::string& column : definition.key_columns()) {
    made.schema.identifier_field_ids.push_back(made.schema.Find(column)->id);
  }
  WEIRHOUSE_TRY(made.spec,
                iceberg::ParsePartitioning(definition.partition_expressions(), made.schema));
  made.properties[kContractProperty] = ContractTitle(workspace.project(), definition);
  return iceberg::MakeTable(made, workspace.random(), workspace.clock());
}

// The schema that the table should get: the contract's columns, and other columns as they are.
Result<iceberg::Schema> WantedSchema(const transform::CheckedTransform& transform,
                                     const iceberg::TableMetadata& table) {
  WEIRHOUSE_TRY(iceberg::Schema wanted, iceberg::Schema::FromArrow(*transform.output));
  for (const iceberg::Field& field : table.schema().fields) {
    if (wanted.Find(field.name) != nullptr) continue;
    if (field.required) {
      return Refused(
          transform.definition,
          fmt::format("requires the column \"{}\", which its contract no longer has", field.name),
          "give the new version of the contract a table of its own");
    }
    wanted.fields.push_back(field);
  }
  return wanted;
}

Status CheckFollows(const transform::CheckedTransform& transform,
                    const iceberg::TableMetadata& table) {
  const transform::TransformDefinition& definition = transform.definition;
  if (table.properties.count(kContractProperty) == 0) {
    return Refused(definition, "was made by SQL, so its rows do not come from other engines",
                   "give the external table another name");
  }
  std::set<int> key;
  for (const std::string& column : definition.key_columns()) {
    if (const iceberg::Field* field = table.schema().Find(column)) key.insert(field->id);
  }
  const std::vector<int>& ids = table.schema().identifier_field_ids;
  if (key != std::set<int>(ids.begin(), ids.end())) {
    return Refused(definition, "has another key, which engines may rely on",
                   "keep the key, or give the table another name");
  }
  WEIRHOUSE_TRY(const iceberg::Schema wanted, WantedSchema(transform, table));
  const auto evolved = iceberg::EvolveSchema(table.schema(), wanted, table.last_column_id);
  if (evolved.ok()) return Status();
  return Refused(definition, "cannot follow its contract: " + evolved.status().message(),
                 "columns of an external table change additively: give the new version of the "
                 "contract a table of its own");
}
}  // namespace

std::vector<std::string> ExternalTablesRead(const ProjectDefinition& project) {
  std::set<std::string> read;
  for (const transform::CheckedTransform& transform : project.transforms) {
    for (const transform::TableReference& reference : transform.references) {
      if (FindExternal(project, reference.name) != nullptr) read.insert(reference.name);
    }
  }
  return {read.begin(), read.end()};
}

Status CheckExternalTables(Workspace& workspace) {
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing,
                  workspace.FindTable(transform.definition.name()));
    if (!existing) continue;
    if (transform.definition.is_external()) {
      WEIRHOUSE_TRY_STATUS(CheckFollows(transform, **existing));
    } else if ((*existing)->properties.count(kContractProperty) != 0) {
      return Refused(transform.definition, "holds what other engines wrote",
                     "SQL would replace all of it: give the new table another name");
    }
  }
  return Status();
}

Status StageExternalTables(Workspace& workspace, Publication& publication) {
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    if (!transform.definition.is_external()) continue;
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing,
                  workspace.FindTable(transform.definition.name()));
    iceberg::TablePtr base;
    if (existing) {
      WEIRHOUSE_TRY_STATUS(CheckFollows(transform, **existing));
      base = *existing;
    } else {
      WEIRHOUSE_TRY(base, MakeExternal(workspace, transform));
    }
    iceberg::StagedWrite write(workspace.store(), base, workspace.random(), publication.StageAs());
    if (existing) {
      WEIRHOUSE_TRY(const iceberg::Schema wanted, WantedSchema(transform, *base));
      WEIRHOUSE_TRY_STATUS(write.SetSchema(wanted));
      write.SetProperty(kContractProperty,
                        ContractTitle(workspace.project(), transform.definition));
    }
    WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
    // Engines write their first files before they ask for the commit, and create no folders.
    for (const char* folder : {"/data", "/metadata"}) {
      WEIRHOUSE_TRY_STATUS(workspace.store().MakeFolder(base->location + folder));
    }
    publication.Add(staged);
  }
  return Status();
}

namespace {
// The table with the columns of its contract: if an apply computes tables that read it, it gets
// them in the same commit.
Result<iceberg::TablePtr> WithContractColumns(const transform::CheckedTransform& transform,
                                              const iceberg::TablePtr& table) {
  WEIRHOUSE_TRY(const iceberg::Schema given, iceberg::Schema::FromArrow(*transform.output));
  const bool has =
      std::all_of(given.fields.begin(), given.fields.end(), [&](const iceberg::Field& field) {
        const iceberg::Field* held = table->schema().Find(field.name);
        return held != nullptr && held->type == field.type;
      });
  if (has) return table;
  WEIRHOUSE_TRY(const iceberg::Schema wanted, WantedSchema(transform, *table));
  WEIRHOUSE_TRY(iceberg::Schema evolved,
                iceberg::EvolveSchema(table->schema(), wanted, table->last_column_id));
  auto followed = std::make_shared<iceberg::TableMetadata>(*table);
  followed->current_schema_id = evolved.schema_id;
  followed->schemas.push_back(std::move(evolved));
  return iceberg::TablePtr(std::move(followed));
}
}  // namespace

iceberg::TablePtr AtSnapshot(const iceberg::TablePtr& table, SnapshotId snapshot) {
  const iceberg::Snapshot* current = table->current_snapshot();
  if (current != nullptr && current->id == snapshot) return table;
  if (table->FindSnapshot(snapshot) == nullptr) return table;
  auto past = std::make_shared<iceberg::TableMetadata>(*table);
  past->refs["main"] = iceberg::SnapshotRef{snapshot, "branch", {}, {}, {}};
  return past;
}

Result<std::shared_ptr<arrow::Table>> ExternalRows(Workspace& workspace,
                                                   const transform::CheckedTransform& transform,
                                                   std::optional<SnapshotId> snapshot,
                                                   std::vector<std::string> columns) {
  if (columns.empty()) columns = transform.declared;
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table,
                workspace.FindTable(transform.definition.name()));
  if (!table || !snapshot) return MakeEmptyRows(workspace, transform.definition.name(), columns);
  WEIRHOUSE_TRY(const iceberg::TablePtr followed, WithContractColumns(transform, *table));
  iceberg::ScanOptions options;
  options.columns = std::move(columns);
  WEIRHOUSE_TRY(const iceberg::Scan scan,
                iceberg::Scan::Plan(workspace.store(), AtSnapshot(followed, *snapshot), options));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, scan.ReadAll());
  return PlainRows(rows);
}

Result<std::shared_ptr<arrow::Table>> ExternalRowsAsOf(Workspace& workspace,
                                                       const transform::CheckedTransform& transform,
                                                       CommitSeq seq,
                                                       std::vector<std::string> columns) {
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> at,
                workspace.catalog().SnapshotAsOf(transform.definition.name(), seq));
  std::optional<SnapshotId> snapshot;
  if (at) snapshot = at->snapshot;
  return ExternalRows(workspace, transform, snapshot, std::move(columns));
}

Result<std::optional<ExternalNews>> FindExternalNews(Workspace& workspace) {
  const std::vector<std::string> tables = ExternalTablesRead(workspace.project());
  if (tables.empty()) return std::optional<ExternalNews>();
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(const auto offset, catalog.OffsetOf(std::string(kExternalConsumer)));
  WEIRHOUSE_TRY(const CommitSeq last, catalog.LastSeq());
  ExternalNews news;
  for (const std::string& table : tables) {
    WEIRHOUSE_TRY(const auto now, catalog.SnapshotAsOf(table, last));
    WEIRHOUSE_TRY(const auto before, catalog.SnapshotAsOf(table, CommitSeq(offset.position)));
    if (!now || (before && before->snapshot == now->snapshot)) continue;
    news.snapshots[table] = *now;
  }
  if (news.snapshots.empty()) return std::optional<ExternalNews>();
  WEIRHOUSE_TRY(const auto entries, catalog.Commits(CommitSeq(last.value() - 1), 1));
  WEIRHOUSE_CHECK(!entries.empty() && entries.front().seq == last);
  news.upto = entries.front();
  return std::optional<ExternalNews>(std::move(news));
}
}  // namespace weirhouse::work
