// Feature rows from literals and from a seed; what the tests of this folder share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/random.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

inline constexpr std::int64_t kHour = 3'600'000'000;
inline constexpr std::int64_t kDay = 24 * kHour;
// 2025-01-N 00:00 UTC.
inline std::int64_t D(int n) { return 1'735'689'600'000'000 + (n - 1) * kDay; }

struct SampleRow {
  std::optional<std::string> entity;
  std::string key;
  std::optional<std::int64_t> event_time;
  std::int64_t known_time = 0;
  bool is_delete = false;
  std::vector<Value> values;
};

// A feature table of a view whose entity is one string.
std::shared_ptr<arrow::Table> SampleTable(const ViewPlan& plan, const std::vector<SampleRow>& rows);

// The plan of the first view in `yaml`, which must be sound.
ViewPlan PlanOf(const std::string& yaml, std::vector<ValueType> types);

// One view with every aggregate, several windows, a ttl, integers, numbers and strings.
ViewPlan EveryAggregate(const std::string& extra = "");

// Rows with corrections (of value, event time and entity), deletes, late rows, ties, NULLs, NaN,
// infinities and repeats. Times are small, so that everything collides.
std::vector<SampleRow> RandomRows(Random& random, std::size_t count);
}  // namespace weirhouse::feature
