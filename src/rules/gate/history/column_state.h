// What is kept of one column while its rows go by: a state that row groups, files and processes
// make apart and merge, and that gives the same answer bit for bit whichever way they did.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ground/base/exact/exact_sum.h"
#include "ground/base/status.h"
#include "rules/gate/history/profile.h"
#include "rules/gate/value/family.h"

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::gate {

// Threads: one writer. Memory: some hundred bytes; with kCounts 16 bytes and up for each distinct
// value, with kRanks 16 for each value of integers and decimals, and the counts of others.
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
    // All of them, kRanks only. Their order means nothing: who looks for a rank may change it.
    mutable std::vector<ExactSum::Wide> values;
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
  // Rows, nulls, moments; without values.
  const ColumnProfile& moments() const { return moments_; }
  // With the counted values, as they are stored (kCapped) or all of them (kExact). Cost: a sort of
  // the distinct values.
  ColumnProfile Profile(CountValues count) const;
  // Profile(kCapped), made once. Valid until the next change.
  const ColumnProfile& Capped() const;

 private:
  class Adder;
  Status Accept(Family family, int scale);

  Keeps keeps_ = Keeps::kMoments;
  std::optional<Family> family_;
  ColumnProfile moments_;
  Wholes wholes_;
  std::unordered_map<double, std::int64_t> numbers_;  // one zero
  std::unordered_map<std::string, std::int64_t> texts_;
  mutable std::shared_ptr<const ColumnProfile> capped_;
};
}  // namespace weirhouse::gate
