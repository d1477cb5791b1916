// A kind of check with its state: the type that is gathered, and what to do with it.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>

#include "ground/base/status.h"
#include "rules/gate/definition/rule.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/state/gathered.h"

namespace weirhouse::gate {

// `State` is a value with Merge, ToJson and Read as Gathered has them. Merging is associative and
// commutative, and equal states are equal JSON, which is stored: it never changes its form.
template <typename State>
class StateRuleOf : public StateRule {
 public:
  std::unique_ptr<Gathered> Begin() const final {
    return std::make_unique<GatheredAs<State>>(EmptyState());
  }
  Status Update(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                Gathered& gathered) const final {
    return Gather(check, rows, first_row, GatheredAs<State>::Of(gathered).state);
  }
  Result<Finding> Finish(const Gathered& gathered, std::int64_t rows, const Check& check,
                         const Against& against) const final {
    return Judge(GatheredAs<State>::Of(gathered).state, rows, check, against);
  }

 protected:
  virtual State EmptyState() const { return State(); }
  virtual Status Gather(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                        State& state) const = 0;
  virtual Result<Finding> Judge(const State& state, std::int64_t rows, const Check& check,
                                const Against& against) const = 0;
};

// The number of rows is enough: row_count, row_count_change, arrives.
struct RowsSeen {
  Status Merge(const RowsSeen&) { return Status(); }
  nlohmann::json ToJson() const { return nullptr; }
  Status Read(const nlohmann::json&) { return Status(); }
};
class RowsSeenRule : public StateRuleOf<RowsSeen> {
 protected:
  Status Gather(const Check&, const arrow::Table&, std::int64_t, RowsSeen&) const final {
    return Status();
  }
};
}  // namespace weirhouse::gate
