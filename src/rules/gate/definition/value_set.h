// Bounds and sets of a gate file as values of a column's type. Includes
// Arrow, so only for .cc files.
#pragma once

#include <arrow/util/decimal.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {

template <typename T>
struct Interval {
  std::optional<T> low;
  std::optional<T> high;
  bool low_open = false;
  bool high_open = false;

  bool Holds(const T& value) const {
    if (low && (value < *low || (low_open && value == *low))) return false;
    if (high && (*high < value || (high_open && value == *high))) return false;
    return true;
  }
};

// `range` on one type of column. Decimals compare as decimals, never through double.
class RangeTest {
 public:
  static Result<RangeTest> Bind(const RangeRule& rule, const arrow::DataType& type);

  bool Holds(std::int64_t value) const { return integers_.Holds(value); }
  bool Holds(double value) const { return value != value ? allow_nan_ : reals_.Holds(value); }
  bool Holds(std::string_view value) const { return texts_.Holds(std::string(value)); }
  bool Holds(const arrow::Decimal128& value) const { return decimals_.Holds(value); }
  bool Holds(bool) const { return false; }  // never bound to a boolean column

 private:
  Interval<std::int64_t> integers_;
  Interval<double> reals_;
  Interval<std::string> texts_;
  Interval<arrow::Decimal128> decimals_;
  bool allow_nan_ = false;
};

// `accepted` and `rejected`: 1 is not '1'.
class SetTest {
 public:
  static Result<SetTest> Bind(const SetRule& rule, const arrow::DataType& type);

  // Whether the value passes: in the set, or not in it for `rejected`.
  bool Holds(std::int64_t value) const { return Found(integers_, value) != rejected_; }
  bool Holds(double value) const {
    if (value != value) return rejected_ || allow_nan_;
    return Found(reals_, value) != rejected_;
  }
  bool Holds(std::string_view value) const { return Found(texts_, value) != rejected_; }
  bool Holds(bool value) const { return Found(integers_, value ? 1 : 0) != rejected_; }
  bool Holds(const arrow::Decimal128& value) const { return Found(decimals_, value) != rejected_; }

 private:
  template <typename T, typename U>
  static bool Found(const std::vector<T>& sorted, const U& value) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), value);
    return at != sorted.end() && *at == value;
  }
  std::vector<std::int64_t> integers_;
  std::vector<double> reals_;
  std::vector<std::string> texts_;
  std::vector<arrow::Decimal128> decimals_;
  bool rejected_ = false;
  bool allow_nan_ = false;
};
}  // namespace weirhouse::gate
