// What a check found, and the words for it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/time.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/evaluation/input.h"

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

// What a state is judged against: no rows.
struct Against {
  EventTime batch_end{};
  EventTime now{};
  std::span<const PublishedBatch> history;
};
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
