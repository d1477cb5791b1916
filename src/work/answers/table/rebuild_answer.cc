#include "work/answers/table/rebuild_answer.h"

#include <arrow/api.h>

#include <nlohmann/json.hpp>

#include "work/answers/rows_json.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

json CellsOf(const arrow::Table& row) {
  json cells = json::object();
  for (int i = 0; i < row.num_columns(); ++i)
    cells[row.field(i)->name()] = CellAsJson(*row.column(i), 0);
  return cells;
}

json TableJson(const work::TableDifference& table) {
  json first = json::array();
  for (const work::RowDifference& difference : table.first) {
    first.push_back({{"key", KeyOf(table, difference)},
                     {"stored", RowJson(difference.stored)},
                     {"rebuilt", RowJson(difference.rebuilt)}});
  }
  return {{"table", table.table},
          {"rows", table.stored_rows},
          {"rebuilt_rows", table.rebuilt_rows},
          {"differing", table.differing},
          {"first", std::move(first)}};
}
}  // namespace

json RowJson(const std::shared_ptr<arrow::Table>& row) {
  return row == nullptr ? json() : CellsOf(*row);
}

json KeyOf(const work::TableDifference& table, const work::RowDifference& difference) {
  const auto& row = difference.stored != nullptr ? difference.stored : difference.rebuilt;
  json key = json::object();
  for (const std::string& column : table.key) {
    if (const auto cells = row->GetColumnByName(column)) key[column] = CellAsJson(*cells, 0);
  }
  return key;
}

json ToJson(const work::RebuildReport& report) {
  json tables = json::array();
  for (const work::TableDifference& table : report.tables) tables.push_back(TableJson(table));
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
}  // namespace weirhouse::answers
