// verify --rebuild: tables, histories, states and features against a rebuild from raw.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/table/rebuild_answer.h"
#include "work/lineage/rebuild_check.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

std::string KeyText(const json& key) {
  std::string text;
  for (const auto& [column, value] : key.items()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", column, DisplayText(value));
  }
  return text;
}

// "v: 5, rebuilt 6", of the columns that differ; or which side has the row.
std::string DifferenceText(const work::RowDifference& difference) {
  if (difference.stored == nullptr) return "missing: " + Dump(answers::RowJson(difference.rebuilt));
  if (difference.rebuilt == nullptr)
    return "should not be there: " + Dump(answers::RowJson(difference.stored));
  const json stored = answers::RowJson(difference.stored);
  const json rebuilt = answers::RowJson(difference.rebuilt);
  std::string text;
  for (const auto& [column, value] : stored.items()) {
    if (rebuilt.contains(column) && rebuilt[column] == value) continue;
    text += fmt::format("{}{} is {}, rebuilt {}", text.empty() ? "" : "; ", column, Dump(value),
                        Dump(rebuilt.value(column, json())));
  }
  // JSON does not tell all values apart that tables do.
  return text.empty() ? "bits differ: " + Dump(stored) : text;
}

std::string Counted(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", WithThousands(count), count == 1 ? one : many);
}

void PrintTable(Context& context, const work::TableDifference& table) {
  if (table.differing == 0) {
    context.Line(fmt::format("{}  {}  same", EscapeControl(table.table),
                             Counted(table.stored_rows, "row", "rows")));
    return;
  }
  context.Line(fmt::format("{}  {}, rebuilt {}: {}", EscapeControl(table.table),
                           Counted(table.stored_rows, "row", "rows"),
                           WithThousands(table.rebuilt_rows),
                           Counted(table.differing, "differs", "differ")));
  for (const work::RowDifference& difference : table.first) {
    context.Line(fmt::format("  {}: {}", EscapeControl(KeyText(answers::KeyOf(table, difference))),
                             EscapeControl(DifferenceText(difference))));
  }
  const auto hidden = table.differing - static_cast<std::int64_t>(table.first.size());
  if (hidden > 0) context.Line(fmt::format("  … and {} more", WithThousands(hidden)));
}

std::string Times(std::int64_t count) {
  return count == 0 ? "not" : count == 1 ? "once" : fmt::format("{} times", count);
}

void PrintReport(Context& context, const work::RebuildReport& report) {
  std::int64_t rows = 0;
  for (const work::TableDifference& table : report.tables) {
    PrintTable(context, table);
    rows += table.stored_rows;
  }
  for (const work::StateDifference& state : report.states) {
    context.Line(fmt::format("states of {} in {}: {} {}, rebuilt {}", EscapeControl(state.source),
                             EscapeControl(state.table), state.state, WithThousands(state.counted),
                             WithThousands(state.rebuilt)));
  }
  for (const work::LoserDifference& loser : report.losers) {
    context.Line(fmt::format("loser {} of {}: {}, rebuilt {}", loser.record.value(),
                             EscapeControl(loser.table),
                             loser.stored.empty() ? "not there" : loser.stored,
                             loser.rebuilt.empty() ? "not there" : loser.rebuilt));
  }
  if (report.quarantine_rows > 0 && report.quarantine_differing == 0)
    context.Line(
        fmt::format("quarantine  {}  same", Counted(report.quarantine_rows, "row", "rows")));
  for (const work::QuarantineDifference& row : report.quarantine) {
    const std::string place = row.ordinal ? fmt::format(" #{}", *row.ordinal) : std::string();
    context.Line(fmt::format("quarantine of {}/{}{}: {}: there {}, rebuilt {}",
                             EscapeControl(row.source), EscapeControl(row.object), place,
                             EscapeControl(row.reason), Times(row.stored), Times(row.rebuilt)));
  }
  for (const work::OnlineDifference& view : report.online) {
    context.Line(fmt::format(
        "online {}  {}  {}", EscapeControl(view.view),
        Counted(view.questions, "question", "questions"),
        view.differing == 0 ? "same" : Counted(view.differing, "value differs", "values differ")));
    for (const std::string& line : view.first) context.Line("  " + EscapeControl(line));
  }
  for (const std::string& note : report.notes) context.Say("note: " + EscapeControl(note));
  context.Line(
      fmt::format("{} of {} as of commit {}: {}",
                  Counted(static_cast<std::int64_t>(report.tables.size()), "table", "tables"),
                  Counted(rows, "row", "rows"), report.seq.value(),
                  report.same() ? "what a rebuild gives" : "NOT what a rebuild gives"));
}
}  // namespace

Result<int> VerifyRebuild(Context& context) {
  if (context.invocation().Has("deep")) {
    return UsageError("--deep and --rebuild are two questions",
                      "ask `wh verify --deep`, then `wh verify --rebuild`");
  }
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  work::RebuildCheck check;
  check.table = context.invocation().Word(0);
  WEIRHOUSE_TRY(const work::RebuildReport report,
                work::CheckRebuild(*workspace, check, context.progress()));
  if (!context.wants_json()) PrintReport(context, report);
  context.Answer(answers::ToJson(report));
  return report.same() ? kExitOk : kExitDiffers;
}
}  // namespace weirhouse::command
