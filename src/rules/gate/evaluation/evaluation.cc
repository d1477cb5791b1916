#include "rules/gate/evaluation/evaluation.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "ground/base/resource/memory_reserve.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/history/column_state.h"

namespace weirhouse::gate {
namespace {
std::int64_t MicrosSince(Clock& clock, decltype(std::declval<Clock&>().Monotonic()) begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock.Monotonic() - begin).count();
}

// Rows of a table in memory are gone over in pieces that stay in the cache from check to check.
platform::Scratch InPieces(platform::Scratch scratch) {
  constexpr std::int64_t kPieceRows = 1 << 17;
  scratch.piece_rows = std::min(scratch.piece_rows, kPieceRows);
  return scratch;
}
}  // namespace

Evaluation::Evaluation(const GateDefinition& definition, const GateInput& input,
                       platform::SqlSession& session, Clock& clock)
    : definition_(definition),
      input_(input),
      session_(session),
      clock_(clock),
      batch_(input.this_rows != nullptr ? RowsOfTable(input.this_rows, InPieces(input.scratch))
                                        : input.this_source) {
  WEIRHOUSE_CHECK(batch_ != nullptr);
}

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

Result<RowSourcePtr> Evaluation::Source(const Check& check,
                                        const std::vector<std::string>& columns) {
  if (check.scope == Scope::kBatch) return batch_;
  WEIRHOUSE_TRY(RowsPtr rows, Rows(check, columns));
  return RowsOfTable(std::move(rows), InPieces(input_.scratch));
}

Result<RowsPtr> Evaluation::ThisRows(const std::vector<std::string>& columns) {
  if (input_.this_rows != nullptr) return input_.this_rows;
  if (const auto known = read_.find(columns); known != read_.end()) return known->second;
  WEIRHOUSE_TRY(RowsPtr rows, ReadAll(*batch_, columns, input_.scratch));
  read_[columns] = rows;
  return rows;
}

Result<RowsPtr> Evaluation::Rows(const Check& check, const std::vector<std::string>& columns) {
  WEIRHOUSE_CHECK(check.scope == Scope::kTable);
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
      WEIRHOUSE_TRY(rows, ThisRows(ColumnsOf(table)));
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

Status Evaluation::RegisterBatch(const RowsPtr& rows) {
  WEIRHOUSE_TRY_STATUS(session_.Register("this", rows));
  registered_["this"] = rows;
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

namespace {
std::vector<std::string> NamesOf(const Check& check) {
  std::vector<std::string> names;
  for (const ColumnUse& use : check.columns) names.push_back(use.name);
  return names;
}

// The column with a history that a check shares with others, or nullptr.
const std::string* HistoryColumn(const Check& check) {
  return check.history && !check.history->column.empty() ? &check.history->column : nullptr;
}

const StateRule* StateRuleOf(const Check& check) {
  return dynamic_cast<const StateRule*>(check.rule.get());
}
}  // namespace

Result<RowsPtr> Evaluation::JudgedRows(const Check& check) { return Rows(check, NamesOf(check)); }

// What is gathered in one pass, and for whom.
struct Evaluation::Pass {
  struct One {
    explicit One(const Check& check) : state(CheckState::Of(check)) {}
    CheckState state;
    std::vector<const Check*> checks;  // several where they share the history of a column
    Status status;
    std::int64_t duration_us = 0;
  };
  std::vector<One> states;
};

void Evaluation::Gather(const std::vector<const Check*>& checks) {
  Pass pass;
  std::map<std::string, std::size_t> histories;
  const std::vector<std::string> columns = NamesOf(*checks.front());
  bool needs_values = false;
  for (const Check* check : checks) {
    const std::string* const column = HistoryColumn(*check);
    const auto [known, is_new] = column == nullptr
                                     ? std::pair(histories.end(), true)
                                     : histories.try_emplace(*column, pass.states.size());
    if (is_new) pass.states.emplace_back(*check);
    const std::size_t at = column == nullptr ? pass.states.size() - 1 : known->second;
    pass.states[at].checks.push_back(check);
    needs_values = needs_values || (!columns.empty() && StateRuleOf(*check)->NeedsValues(*batch_));
  }
  Status read;
  if (needs_values) {
    read = batch_->Read(columns, Texts::kDictionaries,
                        [&](const RowsPtr& piece, std::int64_t first_row) {
                          for (Pass::One& one : pass.states) {
                            if (!one.status.ok()) continue;
                            const auto begin = clock_.Monotonic();
                            one.status = one.state.Update(*piece, first_row);
                            one.duration_us += MicrosSince(clock_, begin);
                          }
                          return Status();
                        });
  } else {
    for (Pass::One& one : pass.states) one.state.CountRows(batch_->num_rows());
  }
  for (Pass::One& one : pass.states) {
    if (one.status.ok()) one.status = read;
  }
  FinishGathered(pass);
}

void Evaluation::FinishGathered(Pass& pass) {
  const Against against{input_.batch_end, input_.now, input_.history};
  for (Pass::One& one : pass.states) {
    for (const Check* check : one.checks) {
      const auto begin = clock_.Monotonic();
      Ready& ready = ready_[check];
      ready.finding =
          one.status.ok() ? FinishCheck(one.state, *check, against) : Result<Finding>(one.status);
      ready.duration_us = MicrosSince(clock_, begin) + std::exchange(one.duration_us, 0);
    }
    const std::string* const column = HistoryColumn(*one.checks.front());
    if (column != nullptr && one.status.ok()) histories_.emplace(*column, std::move(one.state));
  }
}

void Evaluation::GatherBatch() {
  std::map<std::vector<std::string>, std::vector<const Check*>> passes;
  for (const Check& check : definition_.checks) {
    if (check.scope != Scope::kBatch || StateRuleOf(check) == nullptr) continue;
    if (check.history && !input_.history_checks) continue;
    passes[NamesOf(check)].push_back(&check);
  }
  for (const auto& [columns, checks] : passes) Gather(checks);
}

std::optional<Evaluation::Ready> Evaluation::TakeReady(const Check& check) {
  const auto known = ready_.find(&check);
  if (known == ready_.end()) return std::nullopt;
  std::optional<Ready> ready = std::move(known->second);
  ready_.erase(known);
  return ready;
}

Result<const CheckState*> Evaluation::StateOf(const Check& check) {
  const std::string* const column = HistoryColumn(check);
  if (column != nullptr) {
    if (const auto known = histories_.find(*column); known != histories_.end())
      return &known->second;
  }
  const std::vector<std::string> columns = NamesOf(check);
  WEIRHOUSE_TRY(const RowSourcePtr rows, Source(check, columns));
  CheckState state = CheckState::Of(check);
  if (columns.empty()) {
    state.CountRows(rows->num_rows());
  } else {
    WEIRHOUSE_TRY_STATUS(rows->Read(columns, Texts::kDictionaries,
                                    [&](const RowsPtr& piece, std::int64_t first_row) {
                                      return state.Update(*piece, first_row);
                                    }));
  }
  if (column != nullptr) return &histories_.emplace(*column, std::move(state)).first->second;
  return &state_.emplace(std::move(state));
}

Result<BatchProfile> Evaluation::Profile() {
  BatchProfile profile;
  profile.rows = batch_->num_rows();
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
