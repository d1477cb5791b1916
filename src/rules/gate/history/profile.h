// What a batch looked like, small enough to keep for ever: the history that gates judge against.
//
// The profile of a published batch is stored as catalog::MetricRecord "profile" of its table. All
// of it is a function of the multiset of rows: order, splits and chunks do not show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/exact/exact_ratio.h"
#include "ground/base/exact/exact_sum.h"
#include "ground/base/status.h"
#include "ground/catalog/record.h"

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::gate {

inline constexpr std::string_view kProfileMetric = "profile";

// Up to so many distinct values are counted exactly. Beyond it numbers are cut into
// kSamplePoints strata of equal rank, each kept as its middle value with its size (a rank is then
// off by at most 1 / (2 · kSamplePoints) of the batch), but for the kSampleTail least and greatest
// values, which stay as they are; texts keep the most frequent ones.
inline constexpr std::size_t kDistinctValuesMax = 4096;
inline constexpr std::int64_t kSamplePoints = 1024;
inline constexpr std::ptrdiff_t kSampleTail = 64;

// (value, count), ascending by value, NaN left out.
using NumberCounts = std::vector<std::pair<double, std::int64_t>>;
using TextCounts = std::vector<std::pair<std::string, std::int64_t>>;

// The mergeable state of one column in one batch. Numbers, dates (days), timestamps (µs) and
// decimals are `kNumber`; texts and booleans are `kText`. Counted values are doubles: integers
// beyond 2^53 are counted at the nearest one, while sums stay exact.
struct ColumnProfile {
  enum class Type : std::uint8_t { kNumber, kText };
  Type type = Type::kNumber;
  std::int64_t rows = 0;
  std::int64_t nulls = 0;
  std::int64_t nan = 0;
  std::optional<double> min;  // of the values that are not NaN
  std::optional<double> max;
  int scale = 0;  // of decimals: sums are of the unscaled integers
  ExactSum sum;   // of the values that are not NaN
  ExactSum sum_of_squares;
  NumberCounts numbers;
  TextCounts texts;
  std::int64_t other_texts = 0;  // occurrences of texts beyond kDistinctValuesMax
  bool sampled = false;          // `numbers` or `texts` is not exact

  std::int64_t values() const { return rows - nulls; }  // NaN included
  std::int64_t numbers_count() const { return rows - nulls - nan; }
  std::optional<double> Mean() const;    // of the values that are not NaN
  std::optional<double> Stddev() const;  // divisor n − 1
  // Sum rounded once.
  double Sum() const;
  std::int64_t InfiniteCount() const;          // as `numbers` has it
  std::optional<double> FiniteStddev() const;  // infinities left out
};

struct BatchProfile {
  std::int64_t rows = 0;
  std::map<std::string, ColumnProfile> columns;
};

enum class CountValues : std::uint8_t {
  kNone,    // moments only
  kCapped,  // as stored: see kDistinctValuesMax
  kExact,   // all of them
};
// Profiles one column. Cost: one pass, and a sort of the distinct values.
Result<ColumnProfile> ProfileColumn(const arrow::ChunkedArray& column, CountValues count);
// The union of both: associative and commutative.
ColumnProfile Merge(const ColumnProfile& a, const ColumnProfile& b);
// Merges several at once; cheaper than one by one.
ColumnProfile MergeAll(std::span<const ColumnProfile* const> profiles);

// Exact both ways: what FromJson reads equals what ToJson was given, byte for byte when written
// again.
nlohmann::json ToJson(const BatchProfile& profile);
Result<BatchProfile> ProfileFromJson(const nlohmann::json& json);

// A published batch, for GateInput::history.
struct PublishedBatch {
  std::string batch;
  EventTime batch_end{};
  // May be null for batches older than GateDefinition::history_span_us: it is then only known that
  // there was a batch.
  std::shared_ptr<const BatchProfile> profile;
  // A person published it although its history was too short to judge by: from here on checks
  // warm again.
  bool restarts_warmup = false;
};
// Reads metrics named "profile"; those outside the baseline are left out, and those of one commit
// (several gates of one table) are one batch. The answers may be kept and passed to later gates.
// Errors: kCorruption.
Result<std::vector<PublishedBatch>> ReadHistory(std::span<const catalog::MetricRecord> metrics);
// What `wh gate override` adds to the profile of a batch whose history was too short.
void MarkRestart(nlohmann::json& profile);
// The metric to commit with a batch.
catalog::MetricRecord MakeProfileMetric(const std::string& table, const std::string& batch,
                                        EventTime batch_end, bool in_baseline,
                                        const BatchProfile& profile);
}  // namespace weirhouse::gate
