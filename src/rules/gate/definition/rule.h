// What a check does, from its keys to its verdict: the interface of the kinds.
//
// A kind of check is one file of rules/gate/kind. It defines a class of this interface, which knows
// its keys, what columns it takes, what it gathers of rows, how it is judged and what it says; and
// a row of the table of kinds (kind/kinds.h). Nothing else knows a kind by its name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::gate {

struct Against;
class Binding;
struct CheckNode;
class Evaluation;
struct Finding;
class Gathered;
class RowSource;

// One check's question. Immutable once read; copies of a check share it. Threads: any.
// Derived from by StateRule and RowsRule alone: a check is judged in one of two ways.
class Rule {
 public:
  Rule() = default;
  virtual ~Rule() = default;
  Rule(const Rule&) = delete;
  Rule& operator=(const Rule&) = delete;

  // The name of a check that was given none: "mean(arr_delay)", of its kind and columns.
  virtual std::string DefaultName(const Check& check) const;
  // Why the key `of` would change nothing for this check; empty: it does.
  virtual std::string_view WhyOfIsIdle() const { return ""; }
  // WH3003 for a key of its own that would change nothing beside the others.
  virtual Status RefuseIdleKeys(const CheckNode& at, const Check& check) const;

  // Whether the check fits the types of its columns, which `schema` has: WH3005; WH3003 for a key
  // that changes nothing for such types. Errors without a place get that of the check.
  virtual Status CheckTypes(const Check& check, const arrow::Schema& schema) const;
  // Finds the other tables that the check reads and binds its SQL: WH3004 to WH3007.
  virtual Status Bind(Check& check, Binding& binding) const;
};
using RulePtr = std::shared_ptr<const Rule>;

// Judged from a state that row groups, files and processes make apart and merge. Kinds derive from
// StateRuleOf (evaluation/state_rule.h), or from ValueRule (evaluation/value_rule.h) if they look at each
// value of a column; both say the following by the type of the state.
class StateRule : public Rule {
 public:
  // What is gathered, before any row.
  virtual std::unique_ptr<Gathered> Begin() const = 0;
  // Adds rows; `first_row` is the place of their first among all.
  virtual Status Update(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                        Gathered& gathered) const = 0;
  // The finding on `rows` rows. A pure function.
  virtual Result<Finding> Finish(const Gathered& gathered, std::int64_t rows, const Check& check,
                                 const Against& against) const = 0;
  // Whether the values of `rows`, of which there is at least one, are needed; if not, their number is
  // all that there is to gather.
  virtual bool NeedsValues(const RowSource&) const { return true; }
  // Whether its findings name rows (Finding::bad_rows).
  virtual bool marks_rows() const { return false; }
};

// Looks at rows beside each other, so that it has no state that could be merged.
class RowsRule : public Rule {
 public:
  // "keys are compared with each other …"
  virtual std::string_view WhyNeedsRows() const = 0;
  virtual Result<Finding> Judge(Evaluation& evaluation, const Check& check) const = 0;
};

// A row of the table of kinds.
struct CheckKind {
  std::vector<std::string> names;  // as files have them; several, where one rule answers to them
  std::vector<std::string> keys;   // besides `name`, `severity` and, of values, `max_bad` and `of`
  bool bare_columns = false;       // may be a list of columns instead of a map
  bool judges_values = false;      // has `max_bad` and `of`
  // Reads the keys of its own: fills in the columns, tables, history and time limit of `check`.
  // Those that several kinds share (`scope`, `warmup` …) are read by whoever calls it.
  Result<RulePtr> (*parse)(const CheckNode& at, Check& check) = nullptr;
};
}  // namespace weirhouse::gate
