// Pairs that compare two columns of one type, `sent_at >= ordered_at`, judged without SQL and with
// the engine's meaning.
#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weirhouse::gate {

struct Comparison {
  enum class Order : std::uint8_t { kLess, kAtMost, kGreater, kAtLeast, kEqual, kUnequal };
  std::string left;
  Order order = Order::kEqual;
  std::string right;
};
// `expression` as such a comparison: two bare names that are columns of `schema`, of one type whose
// values the engine orders as they are. Nothing for all else, names that SQL reads otherwise too.
std::optional<Comparison> ReadComparison(std::string_view expression, const arrow::Schema& schema);
// True, false or null for each row of `rows`; null where either side is. NaN equals itself and is
// greater than all numbers. Null if memory is short or the columns are of other types.
std::shared_ptr<arrow::Array> Compare(const Comparison& comparison, const arrow::Table& rows);
}  // namespace weirhouse::gate
