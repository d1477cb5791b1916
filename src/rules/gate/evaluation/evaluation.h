// One judgement in progress: what the rules share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rules/gate/judge/judge.h"
#include "rules/gate/state/check_state.h"

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::gate {

// What a rule found, before severity.
struct Finding {
  State state = State::kPassed;
  std::int64_t population = 0;
  std::int64_t nulls = 0;
  std::int64_t bad = 0;
  nlohmann::json observed;
  nlohmann::json bound;
  nlohmann::json detail;
  std::string reason;
  std::vector<std::int64_t> bad_rows;  // of the batch, or of `judged`; ascending
  RowsPtr judged;                      // with scope: table
  RowsPtr returned;                    // by the SQL of the check: all of them fail
};

// Loads what rules ask for, once. Threads: one.
class Evaluation {
 public:
  Evaluation(const GateDefinition& definition, const GateInput& input,
             platform::SqlSession& session)
      : definition_(definition), input_(input), session_(session) {}
  // Takes the rows out of the session again.
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  const GateDefinition& definition() const { return definition_; }
  const GateInput& input() const { return input_; }
  // The rows a check judges: the batch, or with scope: table the staged table with `columns` and
  // the table's key.
  Result<RowsPtr> Rows(const Check& check, const std::vector<std::string>& columns);
  Result<RowsPtr> OtherTable(const std::string& name, const std::vector<std::string>& columns);
  // Runs the query of a check over what it reads.
  Result<RowsPtr> QueryOf(const Check& check, const std::string& sql);
  // The boolean column of a `pair`, one value per row. All pairs of the same scope run as one
  // query.
  Result<std::shared_ptr<arrow::ChunkedArray>> PairColumn(const Check& check);
  // What is found where `sql`, the query of a check, could not be run: if it failed on values, on
  // which rows, by which expression. Else the error as it is.
  Result<Finding> Blame(const Check& check, const std::string& sql, const Status& why);
  // The state of a check that can be judged from it, over the rows that it judges. That of a column
  // with a history is made once for all checks and the profile. Valid until the next call.
  Result<const CheckState*> StateOf(const Check& check);
  // The rows that StateOf went over.
  Result<RowsPtr> JudgedRows(const Check& check);
  // This batch's profile: the columns whose history the gate needs.
  Result<BatchProfile> Profile();
  // Not OK once a query was ended because the process was told to stop: then nothing is judged.
  const Status& stopped() const { return stopped_; }

 private:
  using ColumnPtr = std::shared_ptr<arrow::ChunkedArray>;
  Result<RowsPtr> StagedTable(const std::vector<std::string>& columns);
  std::vector<std::string> ColumnsOf(const SqlReads::TableRead& table) const;
  Status Register(const SqlReads& reads);
  // Rows of `name` on which `sql` fails; those of the batch, or of the staged table.
  Result<std::vector<std::int64_t>> FailingRowsOf(const Check& check, const std::string& sql,
                                                  const std::string& name, nlohmann::json& detail);
  // Runs SQL within the bounds of the check.
  Result<RowsPtr> Ask(const Check& check, const std::string& sql);
  Result<std::vector<ColumnPtr>> RunPairs(const std::vector<const Check*>& checks);

  const GateDefinition& definition_;
  const GateInput& input_;
  platform::SqlSession& session_;
  std::map<std::vector<std::string>, RowsPtr> staged_;
  std::map<std::pair<std::string, std::vector<std::string>>, RowsPtr> others_;
  std::map<std::string, RowsPtr> registered_;
  std::map<const Check*, ColumnPtr> pairs_;
  std::map<std::string, CheckState> histories_;  // by column
  std::optional<CheckState> state_;              // of the last check without one
  Status stopped_;
};

// What a state is judged against: no rows.
struct Against {
  EventTime batch_end{};
  EventTime now{};
  std::span<const PublishedBatch> history;
};
// The verdict on what was gathered, for the kinds that need no rows. A pure function: equal states
// are equal findings, whichever way they were merged. Errors end as state error.
Result<Finding> FinishCheck(const CheckState& state, const Check& check, const Against& against);

// By kind. Whatever cannot be judged is a Status, and ends as state error.
Result<Finding> Finish(const CheckState& state, const Check& check, const RowCountRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const RowCountChangeRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const FreshnessRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const ArrivesRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const RequiredRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const RangeRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const SetRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const PatternRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const LengthRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const TypeRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const StatisticRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const QuantileRule& rule,
                       const Against& against);
Result<Finding> Finish(const CheckState& state, const Check& check, const DistributionRule& rule,
                       const Against& against);

// The kinds that look at rows beside each other (kNeedsRows).
Result<Finding> Judge(Evaluation& evaluation, const Check& check, const UniqueRule& rule);
Result<Finding> Judge(Evaluation& evaluation, const Check& check, const PairRule& rule);
Result<Finding> Judge(Evaluation& evaluation, const Check& check, const ReferencesRule& rule);
Result<Finding> Judge(Evaluation& evaluation, const Check& check, const DistinctRule& rule);
Result<Finding> Judge(Evaluation& evaluation, const Check& check, const SqlRule& rule);

// The finding of a check below its smallest sample, by its `too_few`.
Finding TooFewFinding(const Check& check, std::int64_t sample, std::int64_t needed,
                      std::string reason);
// The finding of a check that marks rows. `missing` rows are left out of the sample; `needs_value`
// = without a value left there are too few. `what` reads "values are out of bounds".
Finding RowsFinding(const Check& check, std::int64_t rows, std::int64_t missing,
                    std::vector<std::int64_t> bad_rows, bool needs_value, std::string_view what);
// Numbers that JSON can hold; "NaN", "inf" as text.
nlohmann::json JsonNumber(double value);
bool Holds(const NumberBounds& bounds, double value);  // NaN never does
bool Holds(const CountBounds& bounds, std::int64_t value);
nlohmann::json ToJson(const NumberBounds& bounds);
nlohmann::json ToJson(const CountBounds& bounds);
// "limit 8", "limits 1 to 5,000"
std::string LimitText(const NumberBounds& bounds);
std::string LimitText(const CountBounds& bounds);
}  // namespace weirhouse::gate
