// A list of values in a gate file as values of a column's type. Includes Arrow, so only for .cc
// files.
#pragma once

#include <arrow/util/decimal.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"

namespace arrow {
class DataType;
}  // namespace arrow

namespace weirhouse::gate {

// 1 is not '1'. NaN is never one of them.
class ValueSet {
 public:
  // WH3005 for a literal that is no value of such a column.
  static Result<ValueSet> Bind(std::span<const Literal> literals, const arrow::DataType& type);

  bool Has(std::int64_t value) const { return Found(integers_, value); }
  bool Has(double value) const { return value == value && Found(reals_, value); }
  bool Has(std::string_view value) const { return Found(texts_, value); }
  bool Has(bool value) const { return Found(integers_, value ? 1 : 0); }
  bool Has(const arrow::Decimal128& value) const { return Found(decimals_, value); }

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
};
}  // namespace weirhouse::gate
