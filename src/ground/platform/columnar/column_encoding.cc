#include "ground/platform/columnar/column_encoding.h"

#include <arrow/api.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

#include "ground/base/digest.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::platform {
namespace {
constexpr std::int64_t kSampledRowsMin = 8 * 1024;  // smaller columns are not looked at
// Runs, because neighbours in a sorted column are alike, and of several places.
constexpr std::int64_t kRuns = 16;
constexpr std::int64_t kRunRows = 64;
constexpr std::size_t kSampleBytesMax = 64 << 10;
// A dictionary pays if this part of the sampled cells repeats others: about four samples' worth of
// different numbers in the whole column. Texts are longer than their numbers in a dictionary.
constexpr std::size_t kRepeatsOfNumbers = 8;  // one in
constexpr std::size_t kRepeatsOfTexts = 64;
constexpr std::int64_t kShrunkPercentMax = 90;  // of the bytes, where compressing is worth it

struct Sample {
  std::string bytes;  // as they are stored
  std::unordered_set<std::uint64_t> different;
  std::size_t cells = 0;
  bool ascends = true;  // numbers: none is less than the one before

  void Add(std::string_view cell) {
    ++cells;
    different.insert(HashBytes(cell));
    if (bytes.size() < kSampleBytesMax) bytes.append(cell.substr(0, kSampleBytesMax));
  }
  bool Repeats(std::size_t one_in) const { return (cells - different.size()) * one_in >= cells; }
};

template <typename Array>
concept SampledNumber = OneOf<Array, arrow::Int32Array, arrow::Int64Array, arrow::Date32Array,
                              arrow::Time64Array, arrow::TimestampArray> ||
                        RealArray<Array>;
template <typename Array>
concept SampledBytes = OneOf<Array, arrow::StringArray, arrow::BinaryArray>;

template <typename Array>
void AddCells(const Array& array, Sample& sample) {
  using Value = decltype(ValueAt(array, 0));
  Value last{};
  for (std::int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) continue;
    const Value value = ValueAt(array, i);
    if constexpr (SampledBytes<Array>) {
      sample.Add(value);
    } else {
      sample.ascends = sample.ascends && (i == 0 || last <= value);
      last = value;
      sample.Add({reinterpret_cast<const char*>(&value), sizeof(value)});
    }
  }
}

// False for a type that is not looked at.
bool AddRun(const arrow::ChunkedArray& run, Sample& sample) {
  for (const auto& chunk : run.chunks()) {
    const bool known = VisitTyped(*chunk, [&]<typename Array>(const Array& array)
                                    requires(SampledNumber<Array> || SampledBytes<Array>)
                                  { AddCells(array, sample); });
    if (!known) return false;
  }
  return true;
}

// Whether the codec of the file makes the sample smaller by enough.
bool Shrinks(const std::string& bytes) {
  const auto codec = arrow::util::Codec::Create(arrow::Compression::ZSTD, 1);
  if (!codec.ok() || bytes.empty()) return true;
  const auto size = static_cast<std::int64_t>(bytes.size());
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::vector<std::uint8_t> into(static_cast<std::size_t>((*codec)->MaxCompressedLen(size, data)));
  const auto shrunk =
      (*codec)->Compress(size, data, static_cast<std::int64_t>(into.size()), into.data());
  return !shrunk.ok() || *shrunk * 100 <= size * kShrunkPercentMax;
}
}  // namespace

ColumnEncoding ChooseEncoding(const arrow::ChunkedArray& column) {
  ColumnEncoding encoding;
  const std::int64_t rows = column.length();
  if (rows < kSampledRowsMin) return encoding;
  Sample sample;
  for (std::int64_t run = 0; run < kRuns; ++run) {
    const std::int64_t first = (rows - kRunRows) * run / (kRuns - 1);
    if (!AddRun(*column.Slice(first, kRunRows), sample)) return encoding;
  }
  const arrow::Type::type type = column.type()->id();
  const bool text = type == arrow::Type::STRING || type == arrow::Type::BINARY;
  const bool whole = !text && type != arrow::Type::FLOAT && type != arrow::Type::DOUBLE;
  // Sorted numbers repeat beside each other, which differences tell in less than a bit each.
  const bool sorted = whole && sample.ascends && sample.different.size() > kRuns;
  encoding.dictionary =
      sample.cells == 0 || (!sorted && sample.Repeats(text ? kRepeatsOfTexts : kRepeatsOfNumbers));
  if (encoding.dictionary) return encoding;
  encoding.delta = whole;
  if (!encoding.delta) encoding.compressed = Shrinks(sample.bytes);
  return encoding;
}
}  // namespace weirhouse::platform
