// sql: one SELECT over the project's tables.
#include <arrow/api.h>
#include <fmt/format.h>

#include "app/command/print/row_listing.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/rows_json.h"
#include "work/answers/sql/query.h"

namespace weirhouse::command {
namespace {
constexpr std::int64_t kTextRows = 200;
}  // namespace

Result<int> RunSql(Context& context) {
  const std::string query = context.invocation().Word(0);
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", kTextRows, 1, 1LL << 40));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::AsOf at, answers::ParseAsOf(*workspace, context.invocation().at));
  WEIRHOUSE_TRY(
      const std::shared_ptr<arrow::Table> rows,
      answers::AskSql(*workspace, query, at, [&context] { return context.streams().Cancelled(); }));
  if (context.invocation().Has("csv")) {
    context.streams().Out(ListingOf(*rows, "rows", -1).AsCsv());
    return kExitOk;
  }
  if (context.wants_json()) {
    context.progress().Finish();
    std::string text =
        context.invocation().jsonl ? answers::RowsAsJsonLines(*rows) : answers::RowsAsJson(*rows);
    if (!context.invocation().jsonl) text.insert(text.rfind('}'), context.DraftMember());
    context.streams().Out(text);
    return kExitOk;
  }
  context.Print(ListingOf(*rows, "rows", limit));
  if (rows->num_rows() > limit) {
    context.Say(fmt::format("… and {} more rows: --limit N, --csv or --json",
                            WithThousands(rows->num_rows() - limit)));
  }
  return kExitOk;
}
}  // namespace weirhouse::command
