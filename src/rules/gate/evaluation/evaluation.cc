#include "rules/gate/evaluation/evaluation.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/value/wording.h"

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
  if (!input_.this_table) {
    return Status(Code::kInvalidInput,
                  fmt::format("{} has no staged table to judge as a whole", definition_.table))
        .WithError("WH3012");
  }
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

namespace {
const char* RowsName(const Check& check) {
  return check.scope == Scope::kBatch ? "this" : "this_table";
}

constexpr std::string_view kRowNumber = "wh row number";

// `rows` by their number, the last column, which is left out.
Result<RowsPtr> InOrder(const RowsPtr& rows) {
  const int last = rows->num_columns() - 1;
  // Row numbers are 1 to n, each once: where each of them stands.
  std::vector<std::int64_t> place(static_cast<std::size_t>(rows->num_rows()));
  std::int64_t row = 0;
  for (const auto& chunk : rows->column(last)->chunks()) {
    const auto& numbers = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < numbers.length(); ++i, ++row) {
      const std::int64_t number = numbers.Value(i);
      if (number < 1 || number > rows->num_rows())
        return Status(Code::kInternal, "an expression of a pair changed the number of rows");
      place[static_cast<std::size_t>(number - 1)] = row;
    }
  }
  arrow::Int64Builder builder;
  arrow::Status built = builder.AppendValues(place);
  std::shared_ptr<arrow::Array> order;
  if (built.ok()) built = builder.Finish(&order);
  if (!built.ok()) return Status(Code::kInternal, built.ToString());
  auto sorted = arrow::compute::Take(rows, order);
  if (!sorted.ok()) return Status(Code::kInternal, sorted.status().ToString());
  auto without = sorted->table()->RemoveColumn(last);
  if (!without.ok()) return Status(Code::kInternal, without.status().ToString());
  return *std::move(without);
}
}  // namespace

Result<std::vector<std::shared_ptr<arrow::ChunkedArray>>> Evaluation::RunPairs(
    const std::vector<const Check*>& checks) {
  const std::string rows = RowsName(*checks.front());
  bool keeps_order = true;
  std::string sql = "SELECT ";
  for (const Check* check : checks) {
    const std::string& expression = std::get<PairRule>(check->rule).expression;
    sql += fmt::format("{}({}\n)", check == checks.front() ? "" : ", ", expression);
    WEIRHOUSE_TRY(const PairReads pair, ReadPairReferences(expression, rows, session_));
    keeps_order = keeps_order && pair.keeps_order;
    WEIRHOUSE_TRY_STATUS(Register(check->reads ? *check->reads : pair.reads));
  }
  if (keeps_order) {
    sql += fmt::format(" FROM {}", rows);
  } else {
    sql += fmt::format(
        ", {0}.\"{1}\" FROM (SELECT *, row_number() OVER () AS \"{1}\" FROM {0}) AS {0}", rows,
        kRowNumber);
  }
  WEIRHOUSE_TRY(RowsPtr answer, Ask(*checks.front(), sql));
  if (!keeps_order) {
    WEIRHOUSE_TRY(answer, InOrder(answer));
  }
  const std::int64_t expected = registered_.at(rows)->num_rows();
  std::vector<ColumnPtr> columns;
  for (const auto& column : answer->columns()) columns.push_back(column);
  const bool boolean = std::all_of(columns.begin(), columns.end(), [](const ColumnPtr& column) {
    return column->type()->id() == arrow::Type::BOOL;
  });
  if (columns.size() != checks.size() || answer->num_rows() != expected || !boolean) {
    return Status(Code::kInvalidInput, "a pair expression must give true or false on each row")
        .WithError("WH3006");
  }
  return columns;
}

Result<std::shared_ptr<arrow::ChunkedArray>> Evaluation::PairColumn(const Check& check) {
  if (const auto known = pairs_.find(&check); known != pairs_.end()) return known->second;
  std::vector<const Check*> same_scope;
  for (const Check& other : definition_.checks) {
    if (std::holds_alternative<PairRule>(other.rule) && other.scope == check.scope &&
        other.sql_timeout == check.sql_timeout) {
      same_scope.push_back(&other);
    }
  }
  auto all = RunPairs(same_scope);
  if (!all.ok() && same_scope.size() > 1 && stopped_.ok()) {
    // One of them cannot be run: only that one is to end as an error.
    WEIRHOUSE_TRY(const auto one, RunPairs({&check}));
    return one.front();
  }
  if (!all.ok()) return all.status();
  for (std::size_t i = 0; i < same_scope.size(); ++i) pairs_[same_scope[i]] = (*all)[i];
  return pairs_.at(&check);
}

namespace {
// The columns that a state is made of.
std::vector<std::string> GatheredColumns(const Check& check) {
  return std::visit(
      [](const auto& rule) -> std::vector<std::string> {
        if constexpr (requires { rule.columns; }) {
          return rule.columns;
        } else if constexpr (requires { rule.column; }) {
          return {rule.column};
        } else {
          return {};
        }
      },
      check.rule);
}
}  // namespace

Result<RowsPtr> Evaluation::JudgedRows(const Check& check) {
  return Rows(check, GatheredColumns(check));
}

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

Finding TooFewFinding(const Check& check, std::int64_t sample, std::int64_t needed,
                      std::string reason) {
  Finding finding;
  finding.state = check.too_few == TooFew::kSkip ? State::kSkipped : State::kFailed;
  finding.detail = {{"sample", sample}, {"needed", needed}};
  finding.reason = std::move(reason);
  return finding;
}

namespace {
bool Allows(const Allowance& allowance, std::int64_t bad, std::int64_t values, std::int64_t rows) {
  if (!allowance.is_share) return bad <= allowance.count;
  __extension__ typedef __int128 Wide;
  const std::int64_t base = allowance.of_rows ? rows : values;
  return static_cast<Wide>(bad) * allowance.share.denominator <=
         static_cast<Wide>(base) * allowance.share.numerator;
}
}  // namespace

Finding RowsFinding(const Check& check, std::int64_t rows, std::int64_t missing,
                    std::vector<std::int64_t> bad_rows, bool needs_value, std::string_view what) {
  const std::int64_t values = rows - missing;
  Finding finding;
  if (needs_value && values < 1) {
    finding = TooFewFinding(check, values, 1, fmt::format("{} no value to judge", check.name));
  }
  finding.population = rows;
  finding.nulls = missing;
  finding.bad = static_cast<std::int64_t>(bad_rows.size());
  finding.observed = finding.bad;
  finding.bound = check.max_bad.text;
  if (finding.state != State::kPassed || (needs_value && values < 1)) return finding;
  if (!Allows(check.max_bad, finding.bad, values, rows)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} {} of {} {}", check.name, WithThousands(finding.bad),
                               WithThousands(values), what);
  if (check.max_bad.is_share) {
    finding.reason += fmt::format(", {} (limit {})",
                                  ShareText(finding.bad, check.max_bad.of_rows ? rows : values),
                                  check.max_bad.text);
  } else if (check.max_bad.count > 0) {
    finding.reason += fmt::format(" (limit {})", check.max_bad.text);
  }
  finding.bad_rows = std::move(bad_rows);
  return finding;
}

nlohmann::json JsonNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

bool Holds(const NumberBounds& bounds, double value) {
  if (std::isnan(value)) return false;
  if (bounds.min && (value < *bounds.min || (bounds.min_exclusive && value == *bounds.min))) {
    return false;
  }
  return !(bounds.max && (value > *bounds.max || (bounds.max_exclusive && value == *bounds.max)));
}

bool Holds(const CountBounds& bounds, std::int64_t value) {
  return (!bounds.min || value >= *bounds.min) && (!bounds.max || value <= *bounds.max);
}

namespace {
// A whole number as one: a double would show another beyond 2^53.
nlohmann::json BoundJson(double value, const std::string& text) {
  std::int64_t whole = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return whole;
  return value;
}
std::string BoundText(double value, const std::string& text) {
  constexpr double kThousandsUpTo = 1e15;  // NumberText writes them out up to here
  const nlohmann::json json = BoundJson(value, text);
  return json.is_number_integer() && std::fabs(value) >= kThousandsUpTo
             ? WithThousands(json.get<std::int64_t>())
             : NumberText(value);
}
}  // namespace

nlohmann::json ToJson(const NumberBounds& bounds) {
  nlohmann::json json = nlohmann::json::object();
  if (bounds.min) {
    json[bounds.min_exclusive ? "min_exclusive" : "min"] = BoundJson(*bounds.min, bounds.min_text);
  }
  if (bounds.max) {
    json[bounds.max_exclusive ? "max_exclusive" : "max"] = BoundJson(*bounds.max, bounds.max_text);
  }
  return json;
}

nlohmann::json ToJson(const CountBounds& bounds) {
  nlohmann::json json = nlohmann::json::object();
  if (bounds.min) json["min"] = *bounds.min;
  if (bounds.max) json["max"] = *bounds.max;
  return json;
}

std::string LimitText(const NumberBounds& bounds) {
  const std::string low = !bounds.min ? "" : BoundText(*bounds.min, bounds.min_text);
  const std::string high = !bounds.max ? "" : BoundText(*bounds.max, bounds.max_text);
  if (!low.empty() && !high.empty()) return fmt::format("limits {} to {}", low, high);
  return low.empty() ? fmt::format("limit {}{}", bounds.max_exclusive ? "below " : "", high)
                     : fmt::format("at least {}{}", bounds.min_exclusive ? "above " : "", low);
}

std::string LimitText(const CountBounds& bounds) {
  if (bounds.min && bounds.max) {
    if (*bounds.min == *bounds.max) return fmt::format("limit {}", WithThousands(*bounds.min));
    return fmt::format("limits {} to {}", WithThousands(*bounds.min), WithThousands(*bounds.max));
  }
  if (bounds.max) return fmt::format("limit {}", WithThousands(*bounds.max));
  return fmt::format("at least {}", WithThousands(*bounds.min));
}
}  // namespace weirhouse::gate
