// table list, show; names: what is there.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/iceberg/table.h"
#include "work/answers/sql/query_tables.h"
#include "work/answers/table_answer.h"

namespace weirhouse::command {
namespace {
Listing ColumnListing(const iceberg::TableMetadata& table) {
  Listing listing("columns", {"id", "column", "type", "required"});
  for (const iceberg::Field& field : table.schema().fields)
    listing.Add({field.id, field.name, NameOf(field.type), field.required});
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
  WEIRHOUSE_TRY(const answers::TablesAnswer answer, answers::ListTables(*workspace));
  Listing listing("tables", {"table", "rows", "commit"});
  for (const answers::TableRow& row : answer.tables)
    listing.Add({row.table, row.rows, answers::CommitText(row.commit)});
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunTableShow(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 10, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const answers::TableAnswer answer, answers::ReadTable(*workspace, name));
  if (context.wants_json()) {
    context.Answer(answers::ToJson(answer));
    return kExitOk;
  }
  context.Line(fmt::format("{}  content {}", EscapeControl(name), answer.content.ToHex()));
  context.Line("metadata   " + EscapeControl(answer.table->metadata_location));
  const std::vector<std::string> partition = answer.partition();
  if (!partition.empty()) context.Line("partition  " + EscapeControl(Join(partition, ", ")));
  context.streams().Out("\n" + ColumnListing(*answer.table).AsText() + "\n" +
                        SnapshotListing(answer.snapshots, limit).AsText());
  return kExitOk;
}

// One name a line, for a shell. A project that cannot be read has no names.
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
      WEIRHOUSE_TRY(names, answers::QueryTableNames(*workspace));
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
