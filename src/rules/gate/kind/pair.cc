// `pair`: an SQL expression is true on each row. All pairs of one scope run as one query.
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "ground/platform/sql/sql.h"
#include "rules/gate/definition/binding.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/sql_reference.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
using ColumnPtr = std::shared_ptr<arrow::ChunkedArray>;
// What was answered, by check.
using PairColumns = std::map<const Check*, ColumnPtr>;

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
class PairRule final : public RowsRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check&) {
    auto rule = std::make_shared<PairRule>();
    WEIRHOUSE_TRY(const YamlNode* expression, at.Require("expr"));
    WEIRHOUSE_TRY(rule->expression_, expression->AsString(at.What("expr")));
    rule->span_ = expression->span();
    // YAML reads a plain `null` as no key at all, so the plural is the usual spelling.
    if (at.Find("nulls") != nullptr && at.Find("null") != nullptr) {
      return at.Find("null")->Error("WH3003", "null and nulls mean the same: give one");
    }
    for (const char* key : {"nulls", "null"}) {
      WEIRHOUSE_TRY(const std::string nulls, Word(at, key, {"skip", "fail"}));
      rule->null_fails_ = rule->null_fails_ || nulls == "fail";
    }
    return RulePtr(std::move(rule));
  }

  std::string DefaultName(const Check&) const override {
    return fmt::format("pair({})", expression_);
  }
  std::string_view WhyOfIsIdle() const override {
    return null_fails_ ? "no row is left out as null" : "";
  }

  Status Bind(Check& check, Binding& binding) const override {
    const SqlPlace place{span_, expression_, static_cast<int>(kBeforePair.size())};
    const std::string rows = RowsName(check);
    auto pair = ReadPairReferences(expression_, rows, binding.session());
    if (!pair.ok()) return RefuseSql(place, pair.status());
    WEIRHOUSE_TRY_STATUS(binding.RegisterTables(pair->reads, place));
    const auto described = binding.session().Describe(PairQuery(expression_, rows));
    if (!described.ok()) return RefuseSql(place, described.status());
    const arrow::Schema& answer = **described;
    if (answer.num_fields() != 1 || answer.field(0)->type()->id() != arrow::Type::BOOL) {
      return RefuseSql(place,
                       Status(Code::kInvalidInput, "a pair expression must give true or false"));
    }
    check.reads = std::move(pair->reads);
    return Status();
  }

  std::string_view WhyNeedsRows() const override { return "an SQL expression runs over the rows"; }

  Result<Finding> Judge(Evaluation& evaluation, const Check& check) const override {
    const auto asked = ColumnOfPair(evaluation, check);
    if (!asked.ok())
      return evaluation.Blame(check, PairQuery(expression_, RowsName(check)), asked.status());
    const auto& column = *asked;
    std::vector<std::int64_t> bad;
    std::int64_t nulls = 0;
    WEIRHOUSE_TRY_STATUS(VisitColumn(
        *column,
        [&](std::int64_t row) {
          if (null_fails_) {
            bad.push_back(row);
          } else {
            ++nulls;
          }
        },
        [&](std::int64_t row, const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, bool>) {
            if (!value) bad.push_back(row);
          } else {
            (void)row;
          }
        }));
    Finding finding = RowsFinding(check, column->length(), nulls, std::move(bad),
                                  /*needs_value=*/true, "rows do not hold");
    if (check.scope == Scope::kTable && !finding.bad_rows.empty()) {
      WEIRHOUSE_TRY(finding.judged, evaluation.OtherTable(evaluation.definition().table, {}));
    }
    return finding;
  }

 private:
  static const PairRule* Of(const Check& check) {
    return dynamic_cast<const PairRule*>(check.rule.get());
  }

  // The same over a batch that is no table, a piece at a time. Nothing where an expression looks at
  // more than its row.
  static Result<std::optional<std::vector<ColumnPtr>>> RunInPieces(
      Evaluation& evaluation, const std::vector<const Check*>& checks) {
    constexpr std::int64_t kRowsOfQuery = 1 << 20;
    using Columns = std::vector<ColumnPtr>;
    if (checks.front()->scope != Scope::kBatch || evaluation.input().this_rows != nullptr)
      return std::optional<Columns>();
    std::vector<std::string> names;
    for (const Check* check : checks) {
      WEIRHOUSE_TRY(const PairReads pair,
                    ReadPairReferences(Of(*check)->expression_, "this", evaluation.session()));
      if (!pair.keeps_order || pair.reads.tables.size() != 1) return std::optional<Columns>();
      SqlReads::TableRead table = pair.reads.tables.front();
      pair.reads.Resolve(table, evaluation.batch()->schema()->field_names());
      if (table.all_columns || table.columns.empty()) return std::optional<Columns>();
      names.insert(names.end(), table.columns.begin(), table.columns.end());
    }
    std::vector<arrow::ArrayVector> answers(checks.size());
    std::vector<RowsPtr> waiting;
    std::int64_t rows = 0;
    const auto ask = [&]() -> Status {
      auto some = arrow::ConcatenateTables(waiting);
      if (!some.ok()) return Status(Code::kInternal, some.status().ToString());
      WEIRHOUSE_TRY_STATUS(evaluation.RegisterBatch(*some));
      WEIRHOUSE_TRY(const Columns columns, Run(evaluation, checks, /*registered=*/true));
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto& chunks = columns[i]->chunks();
        answers[i].insert(answers[i].end(), chunks.begin(), chunks.end());
      }
      waiting.clear();
      rows = 0;
      return Status();
    };
    WEIRHOUSE_TRY_STATUS(evaluation.batch()->Read(
        names, Texts::kPlain, [&](const RowsPtr& piece, std::int64_t) -> Status {
          waiting.push_back(piece);
          rows += piece->num_rows();
          return rows < kRowsOfQuery ? Status() : ask();
        }));
    if (!waiting.empty()) WEIRHOUSE_TRY_STATUS(ask());
    Columns whole;
    for (const auto& chunks : answers)
      whole.push_back(std::make_shared<arrow::ChunkedArray>(chunks, arrow::boolean()));
    return std::optional<Columns>(std::move(whole));
  }

  // One boolean column for each check. `registered`: the rows are.
  static Result<std::vector<ColumnPtr>> Run(Evaluation& evaluation,
                                            const std::vector<const Check*>& checks,
                                            bool registered = false) {
    const std::string rows = RowsName(*checks.front());
    bool keeps_order = true;
    std::string sql = "SELECT ";
    for (const Check* check : checks) {
      const std::string& expression = Of(*check)->expression_;
      sql += fmt::format("{}({}\n)", check == checks.front() ? "" : ", ", expression);
      WEIRHOUSE_TRY(const PairReads pair,
                    ReadPairReferences(expression, rows, evaluation.session()));
      keeps_order = keeps_order && pair.keeps_order;
      if (registered) continue;
      WEIRHOUSE_TRY_STATUS(evaluation.Register(check->reads ? *check->reads : pair.reads));
    }
    if (keeps_order) {
      sql += fmt::format(" FROM {}", rows);
    } else {
      sql += fmt::format(
          ", {0}.\"{1}\" FROM (SELECT *, row_number() OVER () AS \"{1}\" FROM {0}) AS {0}", rows,
          kRowNumber);
    }
    WEIRHOUSE_TRY(RowsPtr answer, evaluation.Ask(*checks.front(), sql));
    if (!keeps_order) {
      WEIRHOUSE_TRY(answer, InOrder(answer));
    }
    const std::int64_t expected = evaluation.Registered(rows)->num_rows();
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

  static Result<ColumnPtr> ColumnOfPair(Evaluation& evaluation, const Check& check) {
    PairColumns& known = evaluation.Shared<PairColumns>();
    if (const auto found = known.find(&check); found != known.end()) return found->second;
    std::vector<const Check*> same_scope;
    for (const Check& other : evaluation.definition().checks) {
      if (Of(other) != nullptr && other.scope == check.scope &&
          other.sql_timeout == check.sql_timeout) {
        same_scope.push_back(&other);
      }
    }
    auto in_pieces = RunInPieces(evaluation, same_scope);
    if (!evaluation.stopped().ok()) return evaluation.stopped();
    // What fails in pieces is looked at again as a whole, which says on which rows.
    Result<std::vector<ColumnPtr>> all =
        in_pieces.ok() && *in_pieces ? Result<std::vector<ColumnPtr>>(**std::move(in_pieces))
                                     : Run(evaluation, same_scope);
    if (!all.ok() && same_scope.size() > 1 && evaluation.stopped().ok()) {
      // One of them cannot be run: only that one is to end as an error.
      WEIRHOUSE_TRY(const auto one, Run(evaluation, {&check}));
      return one.front();
    }
    if (!all.ok()) return all.status();
    for (std::size_t i = 0; i < same_scope.size(); ++i) known[same_scope[i]] = (*all)[i];
    return known.at(&check);
  }

  std::string expression_;
  bool null_fails_ = false;
  SourceSpan span_;
};
}  // namespace

CheckKind PairKind() {
  return {.names = {"pair"},
          .keys = {"expr", "nulls", "null", "scope", "too_few", "timeout"},
          .judges_values = true,
          .parse = PairRule::Parse};
}
}  // namespace weirhouse::gate
