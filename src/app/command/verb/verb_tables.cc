// table list, show; names: what is there.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/iceberg/table.h"
#include "work/answers/project/name_answer.h"
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

// One name a line, so that a shell can read it. A project that cannot be read has no names.
Result<int> RunNames(Context& context) {
  const std::string kind = context.invocation().Word(0);
  WEIRHOUSE_TRY(auto project, context.Definitions());
  std::optional<std::vector<std::string>> names = answers::DefinedNames(*project, kind);
  if (!names) {
    WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
    WEIRHOUSE_TRY(names, answers::RecordedNames(*workspace, kind));
  }
  if (!names) {
    return UsageError(fmt::format("no such kind of name: \"{}\"", kind),
                      "contract, gate, model, run, source, table, training_set, view");
  }
  for (const std::string& name : *names) context.Line(EscapeControl(name));
  context.Answer({{"names", *names}});
  return kExitOk;
}
}  // namespace weirhouse::command
