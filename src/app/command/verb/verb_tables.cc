// table list, show; names: what is there.
#include <fmt/format.h>

#include "app/command/query_tables.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/moment.h"
#include "ground/iceberg/table.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

json SnapshotAsJson(const catalog::SnapshotRecord& snapshot) {
  return {{"snapshot", fmt::format("{}@{}", snapshot.table, snapshot.seq.value())},
          {"iceberg_id", snapshot.snapshot.value()},
          {"operation", snapshot.operation},
          {"ref", snapshot.ref},
          {"added_rows", snapshot.added_rows},
          {"deleted_rows", snapshot.deleted_rows},
          {"total_rows", snapshot.total_rows},
          {"run", ToString(snapshot.run)}};
}

Listing ColumnListing(const iceberg::TableMetadata& table) {
  Listing listing("columns", {"id", "column", "type", "required"});
  for (const iceberg::Field& field : table.schema().fields)
    listing.Add({field.id, field.name, field.type.name, field.required});
  return listing;
}

Listing SnapshotListing(const std::vector<catalog::SnapshotRecord>& snapshots, std::int64_t limit) {
  Listing listing("snapshots", {"commit", "operation", "ref", "added", "deleted", "rows", "run"});
  std::int64_t shown = 0;
  for (auto one = snapshots.rbegin(); one != snapshots.rend() && shown < limit; ++one, ++shown) {
    listing.Add({fmt::format("@{}", one->seq.value()), one->operation, one->ref, one->added_rows,
                 one->deleted_rows, one->total_rows, ToString(one->run)});
  }
  return listing;
}
}  // namespace

Result<int> RunTableList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  catalog::Catalog& catalog = workspace->catalog();
  Listing listing("tables", {"table", "rows", "commit"});
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog, [&]() -> Status {
    WEIRHOUSE_TRY(const auto tables, catalog.Tables());
    WEIRHOUSE_TRY(const CommitSeq last, catalog.LastSeq());
    for (const catalog::TablePointer& table : tables) {
      WEIRHOUSE_TRY(const auto snapshot, catalog.SnapshotAsOf(table.name, last));
      listing.Add({table.name, snapshot ? json(snapshot->total_rows) : json(std::int64_t{0}),
                   fmt::format("@{}", table.seq.value())});
      listing.Detail("uuid", table.uuid);
      listing.Detail("metadata_location", table.metadata_location);
      listing.Detail("iceberg_snapshot", snapshot ? json(snapshot->snapshot.value()) : json());
    }
    return Status();
  }));
  context.Print(listing);
  return kExitOk;
}

Result<int> RunTableShow(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 10, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace->LoadTable(name));
  WEIRHOUSE_TRY(const auto snapshots, workspace->catalog().Snapshots(name));
  WEIRHOUSE_TRY(const auto rows, workspace->ReadTable(name));
  WEIRHOUSE_TRY(const Digest content, iceberg::ContentDigest(*rows));
  std::vector<std::string> partitions;
  for (const iceberg::PartitionField& field : table->spec().fields)
    partitions.push_back(field.name);
  if (!context.wants_json()) {
    context.Line(fmt::format("{}  content {}", EscapeControl(name), content.ToHex()));
    context.Line("metadata   " + EscapeControl(table->metadata_location));
    if (!partitions.empty()) context.Line("partition  " + EscapeControl(Join(partitions, ", ")));
    context.streams().Out("\n" + ColumnListing(*table).AsText() + "\n" +
                          SnapshotListing(snapshots, limit).AsText());
    return kExitOk;
  }
  json list = json::array();
  for (const catalog::SnapshotRecord& snapshot : snapshots)
    list.push_back(SnapshotAsJson(snapshot));
  context.Answer({{"table", name},
                  {"content", content.ToHex()},
                  {"metadata_location", table->metadata_location},
                  {"partition", partitions},
                  {"columns", ColumnListing(*table).AsJson()},
                  {"snapshots", std::move(list)}});
  return kExitOk;
}

// One name a line, so that a shell can read it. A project that cannot be read has no names.
Result<int> RunNames(Context& context) {
  const std::string kind = context.invocation().Word(0);
  WEIRHOUSE_TRY(auto project, context.Definitions());
  std::vector<std::string> names;
  if (kind == "contract") {
    for (const auto& [id, contract] : project->contracts) names.push_back(id);
  } else if (kind == "gate") {
    for (const gate::GateDefinition& gate : project->gates) names.push_back(gate.name);
  } else if (kind == "source") {
    for (const work::Source& source : project->sources) names.push_back(source.name);
  } else if (kind == "view") {
    for (const feature::FeatureView& view : project->views) names.push_back(view.id());
  } else {
    WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
    if (kind == "table") {
      WEIRHOUSE_TRY(names, QueryTableNames(*workspace));
    } else if (kind == "run") {
      WEIRHOUSE_TRY(const auto runs, workspace->catalog().Runs({}));
      for (const catalog::Run& run : runs) names.push_back(ToString(run.id));
    } else if (kind == "model" || kind == "training_set") {
      for (const model::ModelDefinition& one : project->models)
        if (kind == "model") names.push_back(one.name);
      for (const feature::TrainingSetDefinition& one : project->training_sets)
        if (kind == "training_set") names.push_back(one.name);
      WEIRHOUSE_TRY(const auto nodes,
                    workspace->catalog().Nodes(*catalog::KindNamed<catalog::NodeKind>(kind)));
      for (const catalog::Node& node : nodes) names.push_back(node.node.key);
    } else {
      return UsageError(fmt::format("no such kind of name: \"{}\"", kind),
                        "contract, gate, model, run, source, table, training_set, view");
    }
  }
  for (const std::string& name : names) context.Line(EscapeControl(name));
  context.Answer({{"names", names}});
  return kExitOk;
}
}  // namespace weirhouse::command
