#include "rules/gate/evaluation/dense_repeats.h"

#include <arrow/api.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
constexpr std::uint64_t kNumbersARow = 16;
constexpr std::uint64_t kNumbersAtLeast = 1 << 16;

class Bits {
 public:
  explicit Bits(std::uint64_t count) : words_((count + 63) / 64) {}
  bool operator[](std::uint64_t at) const { return ((words_[at / 64] >> (at % 64)) & 1) != 0; }
  void Set(std::uint64_t at) { words_[at / 64] |= std::uint64_t{1} << (at % 64); }

 private:
  std::vector<std::uint64_t> words_;
};

// Calls `null` or `value` for each row, with its place among all.
template <typename Null, typename Value>
Status VisitWholes(const RowSource& rows, const std::string& name, const Null& null,
                   const Value& value) {
  return rows.Read({name}, Texts::kPlain,
                   [&](const std::shared_ptr<arrow::Table>& piece, std::int64_t first) -> Status {
                     WEIRHOUSE_TRY(const auto column, ColumnOf(*piece, name));
                     return VisitColumn(
                         *column,
                         [&](std::int64_t row) { null(static_cast<std::size_t>(first + row)); },
                         [&](std::int64_t row, const auto& one) {
                           if constexpr (std::same_as<std::decay_t<decltype(one)>, std::int64_t>)
                             value(static_cast<std::size_t>(first + row), one);
                         });
                   });
}
}  // namespace

Result<std::optional<Repeats>> DenseRepeatsOf(const RowSource& rows, const std::string& column,
                                              bool nulls_equal, bool marks) {
  const auto bounds = rows.BoundsOf(column, RowSource::Look::kAtValues);
  if (!bounds || bounds->greatest < bounds->least) return std::optional<Repeats>();
  const auto least = static_cast<std::uint64_t>(bounds->least);
  const std::uint64_t last = static_cast<std::uint64_t>(bounds->greatest) - least;
  const auto count = static_cast<std::uint64_t>(rows.num_rows());
  if (last >= std::max(kNumbersAtLeast, kNumbersARow * count)) return std::optional<Repeats>();
  Repeats found(rows.num_rows());
  Bits seen(last + 1);
  Bits again(last + 1);
  bool outside = false;
  bool shared = false;
  WEIRHOUSE_TRY_STATUS(VisitWholes(
      rows, column,
      [&](std::size_t row) {
        ++found.nulls;
        if (!nulls_equal) found.left_out[row] = true;
      },
      [&](std::size_t, std::int64_t value) {
        const std::uint64_t at = static_cast<std::uint64_t>(value) - least;
        if (at > last) {
          outside = true;
        } else if (seen[at]) {
          again.Set(at);
          shared = true;
        } else {
          seen.Set(at);
          ++found.distinct;
        }
      }));
  if (outside) return std::optional<Repeats>();
  const bool nulls_shared = nulls_equal && found.nulls > 1;
  if (nulls_equal && found.nulls > 0) ++found.distinct;
  if (!marks || (!shared && !nulls_shared)) return std::optional(std::move(found));
  WEIRHOUSE_TRY_STATUS(VisitWholes(
      rows, column, [&](std::size_t row) { found.shared[row] = nulls_shared; },
      [&](std::size_t row, std::int64_t value) {
        const std::uint64_t at = static_cast<std::uint64_t>(value) - least;
        if (at <= last && again[at]) found.shared[row] = true;
      }));
  return std::optional(std::move(found));
}
}  // namespace weirhouse::gate
