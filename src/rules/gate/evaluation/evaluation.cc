#include "rules/gate/evaluation/evaluation.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/resource/memory_reserve.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/history/column_state.h"

namespace weirhouse::gate {
Evaluation::~Evaluation() {
  const UseMemoryReserve reserve;
  // An empty table of the same shape lets go of the rows and keeps the name, which the next batch
  // takes up at no cost.
  for (const auto& [name, rows] : registered_) {
    auto empty = arrow::Table::MakeEmpty(rows->schema());
    const Status status = empty.ok() ? session_.Register(name, *empty) : session_.Unregister(name);
    status.Ignore("the session's next use of the name replaces it anyway");
  }
}

Result<RowsPtr> Evaluation::StagedTable(const std::vector<std::string>& columns) {
  if (const auto known = staged_.find(columns); known != staged_.end()) return known->second;
  WEIRHOUSE_CHECK(input_.this_table != nullptr);
  WEIRHOUSE_TRY(RowsPtr rows, input_.this_table(columns));
  staged_[columns] = rows;
  return rows;
}

Result<RowsPtr> Evaluation::Rows(const Check& check, const std::vector<std::string>& columns) {
  if (check.scope == Scope::kBatch) return input_.this_rows;
  std::vector<std::string> wanted = columns;
  wanted.insert(wanted.end(), input_.key_columns.begin(), input_.key_columns.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  return StagedTable(wanted);
}

Result<RowsPtr> Evaluation::OtherTable(const std::string& name,
                                       const std::vector<std::string>& columns) {
  if (name == definition_.table) return StagedTable(columns);
  const auto key = std::make_pair(name, columns);
  if (const auto known = others_.find(key); known != others_.end()) return known->second;
  if (!input_.other_table) {
    return Status(Code::kInvalidInput, fmt::format("unknown table \"{}\"", name))
        .WithError("WH3007");
  }
  WEIRHOUSE_TRY(RowsPtr rows, input_.other_table(name, columns));
  others_[key] = rows;
  return rows;
}

// All columns of `table` that any check of the gate reads; empty = all. One check must not take
// away what another one's names stand for.
std::vector<std::string> Evaluation::ColumnsOf(const SqlReads::TableRead& table) const {
  if (table.all_columns || table.columns.empty()) return {};
  std::set<std::string> columns(table.columns.begin(), table.columns.end());
  for (const Check& check : definition_.checks) {
    if (!check.reads) continue;
    for (const SqlReads::TableRead& other : check.reads->tables) {
      if (other.name != table.name) continue;
      if (other.all_columns || other.columns.empty()) return {};
      columns.insert(other.columns.begin(), other.columns.end());
    }
  }
  return {columns.begin(), columns.end()};
}

Status Evaluation::Register(const SqlReads& reads) {
  for (const SqlReads::TableRead& table : reads.tables) {
    RowsPtr rows;
    if (table.name == "this") {
      rows = input_.this_rows;
    } else if (table.name == "this_table") {
      WEIRHOUSE_TRY(rows, StagedTable(ColumnsOf(table)));
    } else {
      WEIRHOUSE_TRY(rows, OtherTable(table.name, ColumnsOf(table)));
    }
    const auto known = registered_.find(table.name);
    if (known != registered_.end() && known->second == rows) continue;
    WEIRHOUSE_TRY_STATUS(session_.Register(table.name, rows));
    registered_[table.name] = rows;
  }
  return Status();
}

Result<RowsPtr> Evaluation::QueryOf(const Check& check, const std::string& sql) {
  SqlReads found;
  if (!check.reads) {
    WEIRHOUSE_TRY(found, ReadSqlReferences(sql, session_));
  }
  WEIRHOUSE_TRY_STATUS(Register(check.reads ? *check.reads : found));
  return Ask(check, sql);
}

Result<RowsPtr> Evaluation::Ask(const Check& check, const std::string& sql) {
  platform::SqlBounds bounds;
  bounds.time = check.sql_timeout;
  bounds.result_bytes = kSqlResultBytesMax;
  platform::SqlBounds before = session_.SetBounds(bounds);
  bounds.told_to_stop = before.told_to_stop;
  session_.SetBounds(std::move(bounds));
  auto rows = session_.Query(sql);
  session_.SetBounds(std::move(before));
  if (!rows.ok() && rows.status().Is(platform::kSqlToldToStop)) stopped_ = rows.status();
  return rows;
}

Result<RowsPtr> Evaluation::JudgedRows(const Check& check) {
  std::vector<std::string> columns;
  for (const ColumnUse& use : check.columns) columns.push_back(use.name);
  return Rows(check, columns);
}

namespace {
// The column with a history that a check shares with others, or nullptr.
const std::string* HistoryColumn(const Check& check) {
  return check.history && !check.history->column.empty() ? &check.history->column : nullptr;
}
}  // namespace

Result<const CheckState*> Evaluation::StateOf(const Check& check) {
  const std::string* const column = HistoryColumn(check);
  if (column != nullptr) {
    if (const auto known = histories_.find(*column); known != histories_.end())
      return &known->second;
  }
  WEIRHOUSE_TRY(const RowsPtr rows, JudgedRows(check));
  CheckState state = CheckState::Of(check);
  WEIRHOUSE_TRY_STATUS(state.Update(*rows, 0));
  if (column != nullptr) return &histories_.emplace(*column, std::move(state)).first->second;
  return &state_.emplace(std::move(state));
}

Result<BatchProfile> Evaluation::Profile() {
  BatchProfile profile;
  profile.rows = input_.this_rows->num_rows();
  for (const Check& check : definition_.checks) {
    const std::string* const column = HistoryColumn(check);
    if (column == nullptr || profile.columns.contains(*column)) continue;
    WEIRHOUSE_TRY(const CheckState* state, StateOf(check));
    profile.columns[*column] = state->As<ColumnState>().Capped();
  }
  return profile;
}

Result<Finding> FinishCheck(const CheckState& state, const Check& check, const Against& against) {
  const auto* const rule = dynamic_cast<const StateRule*>(check.rule.get());
  if (rule == nullptr)
    return Status(Code::kInternal, "a check that needs its rows was judged without them");
  return rule->Finish(state.gathered(), state.rows(), check, against);
}
}  // namespace weirhouse::gate
