// What is kept of one column while its rows go by: a state that row groups, files and processes
// make apart and merge, and that gives the same answer bit for bit whichever way they did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ground/base/exact/exact_sum.h"
#include "ground/base/status.h"
#include "rules/gate/history/profile.h"
#include "rules/gate/history/value_bag.h"
#include "rules/gate/value/family.h"

namespace arrow {
class Array;
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::gate {

// Threads: one writer, and no reader beside it: reading sorts. Memory: some hundred bytes; with
// kCounts and kRanks what ValueBag says of numbers, some 64 bytes for each distinct text, 16 for each
// value of decimals with kRanks. Cost: 2 ns a value for the moments, some 10 more for what is kept.
class ColumnState {
 public:
  enum class Keeps : std::uint8_t {
    kMoments,  // counts of rows, least and greatest, exact sums
    kCounts,   // and how often each value occurs: profiles, distributions
    kRanks,    // and what exact quantiles need
  };
  // Of integers, dates, times and, times 10^scale, decimals: exact, where counted values are the
  // nearest doubles.
  struct Wholes {
    std::int64_t count = 0;
    ExactSum::Wide least = 0;
    ExactSum::Wide greatest = 0;
    ExactSum::Wide total = 0;  // modulo 2^128
  };

  ColumnState() = default;
  explicit ColumnState(Keeps keeps) : keeps_(keeps) {}

  // Adds the values of a row group, or of any part of a column. kInvalidInput (WH3005) for a type
  // that no check knows, or another than before.
  Status Update(const arrow::ChunkedArray& column);
  // Adds what `other`, of other rows, has seen. Both keep the same.
  Status Merge(const ColumnState& other);
  // Equal states are equal JSON. Numbers are exact.
  nlohmann::json ToJson() const;
  static Result<ColumnState> FromJson(const nlohmann::json& json);
  // The same in place. kCorruption (WH3011) where it keeps other things than this one does.
  Status Read(const nlohmann::json& json);

  Keeps keeps() const { return keeps_; }
  // Nothing before the first Update.
  const std::optional<Family>& family() const { return family_; }
  const Wholes& wholes() const { return wholes_; }
  // The whole numbers at `rank` of all that are there and at the next (or the last), sorted. kRanks
  // of integers, dates, times and decimals; 0 ≤ rank < wholes().count.
  std::pair<ExactSum::Wide, ExactSum::Wide> WholesAt(std::int64_t rank) const;
  // The same of floating-point numbers, NaN left out; 0 ≤ rank < the numbers counted.
  std::pair<double, double> RealsAt(std::int64_t rank) const;
  // Rows, nulls, moments; without values.
  const ColumnProfile& moments() const { return moments_; }
  // With the counted values, as they are stored (kCapped) or all of them (kExact). Cost: a sort of
  // the distinct values.
  ColumnProfile Profile(CountValues count) const;
  // Profile(kCapped), made once. Valid until the next change.
  const ColumnProfile& Capped() const;

 private:
  // Finds texts without making one.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  Status Accept(Family family, int scale);
  void CountText(std::string_view text, std::int64_t count);
  void AddReals(const arrow::Array& chunk);
  void AddWholes(const arrow::Array& chunk);
  void AddDecimals(const arrow::Array& chunk);
  void AddTexts(const arrow::Array& chunk);
  void AddRealBlock(std::vector<double>& values);
  void AddWholeBlock(const std::vector<std::int64_t>& values);

  Keeps keeps_ = Keeps::kMoments;
  std::optional<Family> family_;
  ColumnProfile moments_;
  Wholes wholes_;
  ValueBag numbers_;                              // as doubles; one zero
  ValueBag ranks_;                                // integers, dates and times as they are
  mutable std::vector<ExactSum::Wide> decimals_;  // their order means nothing
  std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>> texts_;
  mutable std::shared_ptr<const ColumnProfile> capped_;
};
}  // namespace weirhouse::gate
