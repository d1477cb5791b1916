#include "work/training/training_rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "ground/catalog/moment.h"
#include "ground/platform/columnar/parquet.h"
#include "rules/feature/rows/rows.h"
#include "rules/feature/training/table_pieces.h"
#include "work/pipeline/batch/table_work.h"
#include "work/project/as_written.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/expiry.h"
#include "work/workspace/tables/source_change.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kNaiveRows = 300;
constexpr std::int64_t kSampledRowsMax = 1000;

// The tables that a spine may name. Records are included, to tell them from unknown tables.
transform::SchemaCatalog SpineSchemas(const ProjectDefinition& project) {
  transform::SchemaCatalog schemas;
  for (const transform::CheckedTransform& transform : project.transforms) {
    const transform::TransformDefinition& definition = transform.definition;
    schemas.Add(definition.name(), transform.output, definition.path);
    if (definition.history == transform::History::kKeep)
      schemas.Add(definition.history_table(), transform.output, definition.path);
  }
  for (const Seed& seed : project.seeds) {
    if (seed.rows != nullptr) schemas.Add("ref." + seed.name, seed.rows->schema(), seed.path);
  }
  for (const Source& source : project.sources) {
    const auto contract = project.contracts.find(source.contract);
    if (contract == project.contracts.end()) continue;
    schemas.Add("records." + source.name, contract::RecordsSchema(*contract->second),
                contract->second->span().path);
  }
  return schemas;
}

const Seed* FindSeed(const ProjectDefinition& project, const std::string& table) {
  for (const Seed& seed : project.seeds) {
    if (table == "ref." + seed.name) return &seed;
  }
  return nullptr;
}

Result<std::shared_ptr<arrow::Table>> ReadPinned(Workspace& workspace, const PinnedTable& pinned,
                                                 std::vector<std::string> columns) {
  iceberg::ScanOptions options;
  options.snapshot = pinned.at.snapshot;
  options.columns = std::move(columns);
  WEIRHOUSE_TRY(const iceberg::Scan scan,
                iceberg::Scan::Plan(workspace.store(), pinned.table, options));
  return scan.ReadAll();
}

// Evaluates the spine and returns its rows. Its inputs are freed before the features are joined.
Result<std::shared_ptr<arrow::Table>> EvaluateSpine(Workspace& workspace,
                                                    const TrainingSetSource& source,
                                                    const PinnedTables& inputs) {
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlSession> session, workspace.sql().Connect());
  for (const transform::TableReference& reference : source.spine.references) {
    std::shared_ptr<arrow::Table> rows;
    if (reference.kind == transform::TableKind::kSeed) {
      rows = FindSeed(*source.project, reference.name)->rows;
    } else if (const auto pinned = inputs.find(reference.name); pinned != inputs.end()) {
      WEIRHOUSE_TRY(rows, ReadPinned(workspace, pinned->second, reference.columns));
    } else {
      WEIRHOUSE_TRY(rows, MakeEmptyRows(workspace, reference.name, reference.columns));
    }
    WEIRHOUSE_TRY_STATUS(session->Register(reference.name, rows));
  }
  auto spine = session->Query(source.spine.sql);
  if (spine.ok()) return spine;
  return std::move(spine.status())
      .WithContext(fmt::format("could not evaluate the spine of \"{}\"", source.definition->name));
}

Status NoRows(const feature::TrainingSetDefinition& definition) {
  return Status(Code::kInvalidInput,
                fmt::format("the spine of \"{}\" has no row, so there is nothing to train on",
                            definition.name))
      .WithError("WH4008")
      .WithSpan(definition.spine_span)
      .WithHint("nothing was built; look at what its SQL leaves out, and whether data have come");
}

std::vector<std::string> DeclaredColumns(const feature::ViewPlan& plan) {
  const auto schema = feature::FeatureTableSchema(plan);
  std::vector<std::string> columns;
  for (const auto& field : schema->fields()) {
    if (!iceberg::IsHidden(field->name())) columns.push_back(field->name());
  }
  return columns;
}

feature::FeatureProvider ProviderOf(Workspace& workspace, const TrainingSetSource& source,
                                    const PinnedTables& inputs) {
  return [&workspace, &source,
          &inputs](const feature::FeatureView& view) -> Result<std::shared_ptr<arrow::Table>> {
    const auto plan = std::find_if(source.views.begin(), source.views.end(),
                                   [&](const auto* one) { return one->view.id() == view.id(); });
    WEIRHOUSE_CHECK(plan != source.views.end());
    const auto schema = feature::FeatureTableSchema(**plan);
    const auto pinned = inputs.find(view.table_name());
    if (pinned == inputs.end()) {
      auto empty = arrow::Table::MakeEmpty(schema);
      if (!empty.ok()) return Status(Code::kInternal, empty.status().ToString());
      return *empty;
    }
    return ReadPinned(workspace, pinned->second, DeclaredColumns(**plan));
  };
}

// Upserts remove the rows that they replace, so a key has one row; not where a foreign table's keys
// repeat, which the property is for.
bool HasUniqueKeys(const feature::FeatureView& view, const iceberg::TableMetadata& table) {
  return !view.source_keeps_history() && !table.properties.contains(kUniqueKeysProperty);
}

feature::PiecesProvider PiecesProviderOf(Workspace& workspace, const TrainingSetSource& source,
                                         const PinnedTables& inputs) {
  return [&workspace, &source, &inputs](const feature::FeatureView& view)
             -> Result<std::shared_ptr<const feature::FeaturePieces>> {
    const auto pinned = inputs.find(view.table_name());
    if (pinned == inputs.end()) {
      WEIRHOUSE_TRY(auto none, ProviderOf(workspace, source, inputs)(view));
      return feature::PiecesOf(std::move(none));
    }
    const auto plan = std::find_if(source.views.begin(), source.views.end(),
                                   [&](const auto* one) { return one->view.id() == view.id(); });
    WEIRHOUSE_CHECK(plan != source.views.end());
    const iceberg::TablePtr& table = pinned->second.table;
    return feature::OpenPieces(workspace.store(), table, pinned->second.at.snapshot,
                               DeclaredColumns(**plan), HasUniqueKeys(view, *table));
  };
}

std::vector<feature::FeatureView> ViewsOf(const TrainingSetSource& source) {
  std::vector<feature::FeatureView> views;
  for (const feature::ViewPlan* plan : source.views) views.push_back(plan->view);
  return views;
}
}  // namespace

Result<TrainingSetSource> SourceOf(Workspace& workspace, const ProjectDefinition& project,
                                   const feature::TrainingSetDefinition& definition) {
  TrainingSetSource source;
  source.project = &project;
  source.definition = &definition;
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlSession> session, workspace.sql().Connect());
  const SourceSpan& span = definition.spine_span;
  WEIRHOUSE_TRY(source.spine, transform::CheckSelect(
                                  *session, {span.path, definition.spine, span.line, span.column},
                                  SpineSchemas(project)));
  WEIRHOUSE_TRY_STATUS(CheckSpineReads(definition, source.spine.references));
  WEIRHOUSE_TRY(const std::vector<feature::SelectedView> selected,
                feature::SelectFeatures(definition, project.views));
  for (const feature::SelectedView& view : selected) {
    const feature::ViewPlan* plan = project.FindPlan(view.view->id());
    WEIRHOUSE_CHECK(plan != nullptr);
    if (std::find(source.views.begin(), source.views.end(), plan) == source.views.end())
      source.views.push_back(plan);
  }
  return source;
}

Result<PinnedTables> PinCurrent(Workspace& workspace, const TrainingSetSource& source) {
  std::vector<std::string> names;
  for (const transform::TableReference& reference : source.spine.references) {
    if (reference.kind == transform::TableKind::kProcessed) names.push_back(reference.name);
  }
  for (const feature::ViewPlan* plan : source.views) {
    if (!plan->view.is_request()) names.push_back(plan->view.table_name());
  }
  PinnedTables pinned;
  // Other engines may commit meanwhile, to several tables at once.
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(workspace.catalog(), [&]() -> Status {
    for (const std::string& name : names) {
      WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
      if (!table || (*table)->current_snapshot() == nullptr) continue;
      const iceberg::Snapshot& snapshot = *(*table)->current_snapshot();
      WEIRHOUSE_TRY(const CommitSeq seq, workspace.catalog().SeqOf(name, snapshot.sequence_number));
      pinned[name] = {*table, {snapshot.id, seq}};
    }
    return Status();
  }));
  return pinned;
}

Result<PinnedTables> PinRecorded(Workspace& workspace, const TrainingSetRecord& record) {
  PinnedTables pinned;
  for (const auto& [name, input] : record.inputs) {
    WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
    if (table->FindSnapshot(input.snapshot) == nullptr) {
      WEIRHOUSE_TRY(const auto snapshot, workspace.catalog().SnapshotAsOf(name, input.seq));
      std::optional<Expiry> expired;
      if (snapshot) {
        WEIRHOUSE_TRY(expired, FindExpiry(workspace, *snapshot));
      }
      return Status(Code::kNotFound,
                    fmt::format("the snapshot {}@{} that \"{}\" was built on is gone{}{}", name,
                                input.seq.value(), record.name, expired ? ": " : "",
                                expired ? expired->phrase : ""))
          .WithError("WH4022")
          .WithHint(fmt::format("it was kept by the tag \"{}\"; someone removed that", record.tag));
    }
    pinned[name] = {table, input};
  }
  return pinned;
}

Result<TrainingRows> ComputeTrainingRows(Workspace& workspace, const TrainingSetSource& source,
                                         const PinnedTables& inputs, Progress& progress) {
  TrainingRows rows;
  progress.Update("spine", 0, 0);
  {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> spine, EvaluateSpine(workspace, source, inputs));
    if (spine->num_rows() == 0) return NoRows(*source.definition);
    WEIRHOUSE_TRY(rows.spine, iceberg::ContentDigest(*spine));
    progress.Update("point-in-time join", 0, spine->num_rows());
    WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlSession> session, workspace.sql().Connect());
    feature::TrainingSetOptions options;
    options.pieces = PiecesProviderOf(workspace, source, inputs);
    WEIRHOUSE_TRY(rows.result, feature::BuildTrainingSet(
                                   *source.definition, ViewsOf(source), std::move(spine),
                                   ProviderOf(workspace, source, inputs), session.get(), options));
  }
  rows.result.rows = PlainRows(rows.result.rows);
  WEIRHOUSE_TRY(rows.content, iceberg::ContentDigest(*rows.result.rows));
  return rows;
}

Result<feature::NaiveReport> CheckNaively(Workspace& workspace, const TrainingSetSource& source,
                                          const PinnedTables& inputs, const TrainingRows& rows) {
  std::uint64_t seed = 0;
  for (std::size_t i = 0; i < sizeof(seed); ++i) seed = seed << 8 | rows.content.bytes[i];
  SeededRandom random(seed);
  return feature::NaiveCheck(*source.definition, ViewsOf(source), rows.result,
                             ProviderOf(workspace, source, inputs), kNaiveRows, random);
}

Status ExportTrainingSet(Workspace& workspace, const TrainingSetRecord& record,
                         const std::string& path) {
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                workspace.ReadTable(record.table, record.columns, record.snapshot));
  WEIRHOUSE_TRY_STATUS(
      workspace.local_store().Delete(path));  // left from an attempt that was cut short
  return platform::WriteParquet(workspace.local_store(), path, *PlainRows(rows)).status();
}

namespace {
// The first rows of the set that `model` was trained on; null if none can be read.
Result<std::shared_ptr<arrow::Table>> FirstRows(Workspace& workspace, const ModelRecord& model,
                                                const arrow::Schema& schema) {
  std::shared_ptr<arrow::Table> none;
  WEIRHOUSE_TRY(
      const catalog::Node node,
      FindNumbered(workspace.catalog(), catalog::NodeKind::kTrainingSet, model.training_set, ""));
  WEIRHOUSE_TRY(const TrainingSetRecord set, TrainingSetFromJson(node.node.record));
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(set.table));
  if (!table || (*table)->FindSnapshot(set.snapshot) == nullptr) return none;
  iceberg::ScanOptions options;
  options.snapshot = set.snapshot;
  options.columns = schema.field_names();
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), *table, options));
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, scan.Read(task));
    if (rows->num_rows() > 0) return rows->Slice(0, kSampledRowsMax);
  }
  return none;
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> SampleRow(Workspace& workspace, const ModelRecord& model,
                                                const std::shared_ptr<arrow::Schema>& schema) {
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, FirstRows(workspace, model, *schema));
  std::int64_t best = 0;
  int fewest = std::numeric_limits<int>::max();
  for (std::int64_t row = 0; rows != nullptr && row < rows->num_rows() && fewest > 0; ++row) {
    int nulls = 0;
    for (const auto& column : rows->columns()) {
      const auto cell = column->GetScalar(row);
      nulls += !cell.ok() || !(*cell)->is_valid ? 1 : 0;
    }
    if (nulls < fewest) {
      fewest = nulls;
      best = row;
    }
  }
  arrow::ArrayVector columns;
  for (const auto& field : schema->fields()) {
    auto column = arrow::MakeArrayOfNull(field->type(), 1);
    if (rows != nullptr) {
      auto cell = rows->GetColumnByName(field->name())->GetScalar(best);
      if (cell.ok()) cell = (*cell)->CastTo(field->type());
      if (cell.ok()) column = arrow::MakeArrayFromScalar(**cell, 1);
    }
    if (!column.ok()) return Status(Code::kInternal, column.status().ToString());
    columns.push_back(*column);
  }
  return arrow::Table::Make(schema, columns, 1);
}
}  // namespace weirhouse::work
