// verify --rebuild: tables, histories, states and features against a rebuild from raw.
#include <arrow/api.h>
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/rows_json.h"
#include "work/lineage/rebuild_check.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

json RowAsJson(const arrow::Table& row) {
  json cells = json::object();
  for (int i = 0; i < row.num_columns(); ++i)
    cells[row.field(i)->name()] = answers::CellAsJson(*row.column(i), 0);
  return cells;
}
json RowAsJson(const std::shared_ptr<arrow::Table>& row) {
  return row == nullptr ? json() : RowAsJson(*row);
}

json KeyOf(const work::TableDifference& table, const work::RowDifference& difference) {
  const auto& row = difference.stored != nullptr ? difference.stored : difference.rebuilt;
  json key = json::object();
  for (const std::string& column : table.key) {
    if (const auto cells = row->GetColumnByName(column))
      key[column] = answers::CellAsJson(*cells, 0);
  }
  return key;
}

std::string KeyText(const json& key) {
  std::string text;
  for (const auto& [column, value] : key.items()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", column, DisplayText(value));
  }
  return text;
}

// "v: 5, rebuilt 6", of the columns that differ; or which side has the row.
std::string DifferenceText(const work::RowDifference& difference) {
  if (difference.stored == nullptr) return "missing: " + Dump(RowAsJson(difference.rebuilt));
  if (difference.rebuilt == nullptr)
    return "should not be there: " + Dump(RowAsJson(difference.stored));
  const json stored = RowAsJson(difference.stored);
  const json rebuilt = RowAsJson(difference.rebuilt);
  std::string text;
  for (const auto& [column, value] : stored.items()) {
    if (rebuilt.contains(column) && rebuilt[column] == value) continue;
    text += fmt::format("{}{} is {}, rebuilt {}", text.empty() ? "" : "; ", column, Dump(value),
                        Dump(rebuilt.value(column, json())));
  }
  // Different values of a table may have the same JSON.
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
    context.Line(fmt::format("  {}: {}", EscapeControl(KeyText(KeyOf(table, difference))),
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
                             loser.stored.empty() ? "missing" : loser.stored,
                             loser.rebuilt.empty() ? "missing" : loser.rebuilt));
  }
  if (report.quarantine_rows > 0 && report.quarantine_differing == 0)
    context.Line(
        fmt::format("quarantine  {}  same", Counted(report.quarantine_rows, "row", "rows")));
  for (const work::QuarantineDifference& row : report.quarantine) {
    const std::string place = row.ordinal ? fmt::format(" #{}", *row.ordinal) : std::string();
    context.Line(fmt::format("quarantine of {}/{}{}: {}: stored {}, rebuilt {}",
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

json RebuildJson(const work::TableDifference& table) {
  json first = json::array();
  for (const work::RowDifference& difference : table.first) {
    first.push_back({{"key", KeyOf(table, difference)},
                     {"stored", RowAsJson(difference.stored)},
                     {"rebuilt", RowAsJson(difference.rebuilt)}});
  }
  return {{"table", table.table},
          {"rows", table.stored_rows},
          {"rebuilt_rows", table.rebuilt_rows},
          {"differing", table.differing},
          {"first", std::move(first)}};
}

json RebuildJson(const work::RebuildReport& report) {
  json tables = json::array();
  for (const work::TableDifference& table : report.tables) tables.push_back(RebuildJson(table));
  json states = json::array();
  for (const work::StateDifference& state : report.states) {
    states.push_back({{"source", state.source},
                      {"table", state.table},
                      {"state", state.state},
                      {"counted", state.counted},
                      {"rebuilt", state.rebuilt}});
  }
  json losers = json::array();
  for (const work::LoserDifference& loser : report.losers) {
    losers.push_back({{"record", loser.record.value()},
                      {"table", loser.table},
                      {"stored", loser.stored.empty() ? json() : json(loser.stored)},
                      {"rebuilt", loser.rebuilt.empty() ? json() : json(loser.rebuilt)}});
  }
  json quarantine = json::array();
  for (const work::QuarantineDifference& row : report.quarantine) {
    quarantine.push_back({{"source", row.source},
                          {"object", row.object},
                          {"ordinal", row.ordinal ? json(*row.ordinal) : json()},
                          {"reason", row.reason},
                          {"stored", row.stored},
                          {"rebuilt", row.rebuilt}});
  }
  json online = json::array();
  for (const work::OnlineDifference& view : report.online) {
    online.push_back({{"view", view.view},
                      {"questions", view.questions},
                      {"differing", view.differing},
                      {"first", view.first}});
  }
  return {{"same", report.same()},
          {"commit", report.seq.value()},
          {"tables", std::move(tables)},
          {"states_compared", report.states_compared},
          {"states", std::move(states)},
          {"losers_compared", report.losers_compared},
          {"losers_differing", report.losers_differing},
          {"losers", std::move(losers)},
          {"quarantine_rows", report.quarantine_rows},
          {"quarantine_differing", report.quarantine_differing},
          {"quarantine", std::move(quarantine)},
          {"online", std::move(online)},
          {"notes", report.notes}};
}
}  // namespace

Result<int> VerifyRebuild(Context& context) {
  if (context.invocation().Has("deep")) {
    return UsageError("--deep and --rebuild cannot be used together",
                      "run `wh verify --deep`, then `wh verify --rebuild`");
  }
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  work::RebuildCheck check;
  check.table = context.invocation().Word(0);
  WEIRHOUSE_TRY(const work::RebuildReport report,
                work::CheckRebuild(*workspace, check, context.progress()));
  if (!context.wants_json()) PrintReport(context, report);
  context.Answer(RebuildJson(report));
  return report.same() ? kExitOk : kExitDiffers;
}
}  // namespace weirhouse::command
