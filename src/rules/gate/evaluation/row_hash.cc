#include "rules/gate/evaluation/row_hash.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "ground/platform/columnar/typed_array.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
constexpr std::uint64_t kNullWord = 0x9ae16a3b2f90404fULL;
constexpr std::size_t kSlotsMin = 64;

std::uint64_t WordOfReal(double value) {
  if (value == 0) value = 0;  // −0 is 0
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<std::uint64_t>(value);
}

std::uint64_t WordOfText(std::string_view text) {
  constexpr std::uint64_t kFactor = 0x9fb21c651e98df25ULL;
  std::uint64_t word = Mixed(text.size() + kFactor);
  while (text.size() >= 8) {
    std::uint64_t part = 0;
    std::memcpy(&part, text.data(), 8);
    word = std::rotl((word ^ part) * kFactor, 29);
    text.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  if (!text.empty()) std::memcpy(&rest, text.data(), text.size());
  return Mixed((word ^ rest) * kFactor);
}

// What tuples may be made of, by the word of one value.
template <typename Array>
concept WordArray =
    platform::IntegerArray<Array> || platform::OneOf<Array, arrow::BooleanArray, arrow::Date32Array,
                                                     arrow::TimestampArray, arrow::Time64Array>;
template <typename Array>
concept HashedArray =
    WordArray<Array> || platform::RealArray<Array> || platform::TextArray<Array> ||
    platform::BytesArray<Array> || std::same_as<Array, arrow::Decimal128Array>;

template <typename Array>
std::uint64_t WordAt(const Array& array, std::int64_t row) {
  const auto value = platform::ValueAt(array, row);
  if constexpr (WordArray<Array>) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  } else if constexpr (platform::RealArray<Array>) {
    return WordOfReal(static_cast<double>(value));
  } else if constexpr (std::same_as<Array, arrow::Decimal128Array>) {
    return Mixed(static_cast<std::uint64_t>(value.high_bits())) ^ value.low_bits();
  } else {
    return WordOfText(value);
  }
}

// Adds the words of one column to those of the columns before it.
Status AddColumn(const arrow::ChunkedArray& column, const std::string& name, bool first,
                 RowWords& rows) {
  const auto add = [&](std::int64_t row, std::uint64_t word) {
    std::uint64_t& into = rows.words[static_cast<std::size_t>(row)];
    into = Mixed(first ? word : std::rotl(into, 23) + word);
  };
  if (column.null_count() > 0) rows.has_null.resize(rows.words.size());
  std::int64_t begin = 0;
  for (const auto& chunk : column.chunks()) {
    const bool known =
        platform::VisitTyped(*chunk, [&]<typename Array>(const Array& array)
                               requires HashedArray<Array>
                             {
                               platform::VisitRows(
                                   array,
                                   [&](std::int64_t row) {
                                     rows.has_null[static_cast<std::size_t>(begin + row)] = true;
                                     add(begin + row, kNullWord);
                                   },
                                   [&](std::int64_t row) { add(begin + row, WordAt(array, row)); });
                             });
    if (!known) {
      return Status(Code::kInvalidInput, "column \"" + name + "\" of type " +
                                             chunk->type()->ToString() + " cannot be part of a key")
          .WithError("WH7062")
          .WithHint("keys are made of booleans, numbers, times, strings and binaries");
    }
    begin += chunk->length();
  }
  return Status();
}
}  // namespace

bool AreWordsExact(const arrow::Schema& schema, const std::vector<std::string>& columns) {
  if (columns.size() != 1) return false;
  const auto field = schema.GetFieldByName(columns.front());
  if (field == nullptr) return false;
  bool exact = false;
  platform::VisitArrayClass(*field->type(), [&]<typename Array>(platform::ArrayClass<Array>) {
    exact = WordArray<Array> || platform::RealArray<Array>;
  });
  return exact;
}

Result<RowWords> WordsOfRows(const arrow::Table& rows, const std::vector<std::string>& columns) {
  RowWords found;
  found.words.resize(static_cast<std::size_t>(rows.num_rows()));
  bool first = true;
  for (const std::string& name : columns) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
    WEIRHOUSE_TRY_STATUS(AddColumn(*column, name, first, found));
    first = false;
  }
  return found;
}

WordSet::WordSet(std::size_t expected) : slots_(std::bit_ceil(std::max(kSlotsMin, 2 * expected))) {}

bool WordSet::Insert(std::uint64_t word) {
  if (word == 0) {
    const bool is_new = !zero_;
    size_ += is_new ? 1 : 0;
    zero_ = true;
    return is_new;
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = word & mask;
  while (slots_[at] != 0) {
    if (slots_[at] == word) return false;
    at = (at + 1) & mask;
  }
  slots_[at] = word;
  if (++size_ * 2 > slots_.size()) Grow();
  return true;
}

bool WordSet::Has(std::uint64_t word) const {
  if (word == 0) return zero_;
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = word & mask;
  while (slots_[at] != 0 && slots_[at] != word) at = (at + 1) & mask;
  return slots_[at] == word;
}

void WordSet::Grow() {
  std::vector<std::uint64_t> before(slots_.size() * 2);
  before.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const std::uint64_t word : before) {
    if (word == 0) continue;
    std::size_t at = word & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = word;
  }
}

namespace {
constexpr std::int64_t kManyWords = std::int64_t{1} << 16;
constexpr std::size_t kParts = 256;
}  // namespace

RepeatFinder::RepeatFinder(std::int64_t expected) : parts_(expected > kManyWords ? kParts : 1) {
  const auto each = static_cast<std::size_t>(std::max<std::int64_t>(expected, 0)) / parts_.size();
  for (auto& part : parts_) part.reserve(each + each / 16);
}

std::int64_t RepeatFinder::Finish(WordSet& repeated) {
  std::int64_t distinct = 0;
  for (auto& part : parts_) {
    WordSet seen(part.size());
    for (const std::uint64_t word : part) {
      if (!seen.Insert(word)) repeated.Insert(word);
    }
    distinct += static_cast<std::int64_t>(seen.size());
    std::vector<std::uint64_t>().swap(part);
  }
  return distinct;
}
}  // namespace weirhouse::gate
