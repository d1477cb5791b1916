// The oracle: the definition of point-in-time, interpreted literally, a few lines a step.
//
// Shares no code with the kernel except reading columns and encoding entities: it has its own
// collapse, its own windows, and sums as rationals of unlimited size. Slow on purpose. Used by
// tests, and to check each training set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

struct NaiveAnswer {
  Value value;
  FeatureStatus status = FeatureStatus::kNotFound;
  std::optional<std::int64_t> event_time;
};

class NaiveInterpreter {
 public:
  // Keeps `rows`, the view's feature table in any order.
  static Result<NaiveInterpreter> Make(const ViewPlan& plan, std::shared_ptr<arrow::Table> rows);
  ~NaiveInterpreter();
  NaiveInterpreter(NaiveInterpreter&&) noexcept;

  enum class Scope : std::uint8_t {
    kWhole,  // reads all versions of all rows of the entity
    kNear,   // only table keys with a version in [t - look back, t]: values agree, but statuses of
             // absent values may differ
  };
  // One answer for each output. `entity` as from EncodeEntity; absent = a NULL key.
  Result<std::vector<NaiveAnswer>> Answer(const std::optional<std::string>& entity, std::int64_t at,
                                          std::int64_t known, Scope scope = Scope::kWhole) const;

 private:
  struct State;
  explicit NaiveInterpreter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The exact sum of `values` divided by `count` > 0, rounded once; NaN and infinities as in
// exact_sum.h. Computed with integers of unlimited size.
double NaiveMean(std::span<const double> values, std::int64_t count);
}  // namespace weirhouse::feature
