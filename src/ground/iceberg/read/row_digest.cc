// Canonical bytes of a row, column by column, little-endian:
//
//   null                   00
//   boolean                01, 1 byte
//   int, long              02, 8 bytes
//   float, double          03, 8 bytes of the IEEE double, so that -0.0 differs from +0.0; one NaN
//                          (00 00 00 00 00 00 F8 7F)
//   decimal                04, 1 byte scale, 16 bytes of the unscaled value
//   date                   05, 8 bytes, days since 1970-01-01
//   timestamp              06, 8 bytes, microseconds
//   timestamptz            07, 8 bytes, microseconds UTC
//   string                 08, 4 bytes length, UTF-8
//   binary, fixed, uuid    09, 4 bytes length, bytes
//   time                   0A, 8 bytes, microseconds
//
// A row's digest is SHA-256 of these, a table's is SHA-256 of its rows' digests, sorted. Widening
// int to long, float to double or a decimal's precision changes no digest.
#include "ground/iceberg/read/row_digest.h"

#include <arrow/api.h>
#include <arrow/util/bit_util.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>

#include "ground/base/hash/sha256_each.h"
#include "ground/iceberg/type/schema.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::iceberg {
namespace {

// their bytes stay in the processor's cache between columns
constexpr std::int64_t kBlockRows = 2048;

// Canonical bytes of a block of rows. Each row owns a piece of one buffer, sized before it is
// filled, so that no row allocates.
class RowBlock {
 public:
  void Begin(std::int64_t rows) { sizes_.assign(static_cast<std::size_t>(rows), 0); }
  void Grow(std::int64_t row, std::size_t bytes) { sizes_[static_cast<std::size_t>(row)] += bytes; }
  void Layout() {
    begins_.resize(sizes_.size() + 1);
    begins_[0] = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) begins_[i + 1] = begins_[i] + sizes_[i];
    ends_.assign(begins_.begin(), begins_.end() - 1);
    bytes_.resize(begins_.back());
  }
  void Put(std::int64_t row, const void* data, std::size_t size) {
    std::size_t& end = ends_[static_cast<std::size_t>(row)];
    std::memcpy(bytes_.data() + end, data, size);
    end += size;
  }
  void PutByte(std::int64_t row, std::uint8_t byte) { Put(row, &byte, 1); }
  std::string_view Of(std::int64_t row) const {
    const auto i = static_cast<std::size_t>(row);
    return {bytes_.data() + begins_[i], begins_[i + 1] - begins_[i]};
  }

 private:
  std::vector<std::size_t> sizes_;
  std::vector<std::size_t> begins_;
  std::vector<std::size_t> ends_;
  std::vector<char> bytes_;
};

// What has canonical bytes.
template <typename Array>
concept DigestedArray = (platform::StoredArray<Array> || std::same_as<Array, arrow::UInt32Array>) &&
                        !std::same_as<Array, arrow::LargeBinaryArray>;

// One column's part. `measure` adds the sizes, the second pass writes.
class ColumnBytes {
 public:
  ColumnBytes(RowBlock& block, bool measure) : block_(block), measure_(measure) {}

  Status Add(const arrow::Array& array, std::int64_t first_row) {
    row_ = first_row;
    if (array.type_id() == arrow::Type::TIMESTAMP &&
        platform::MicrosPerUnit(static_cast<const arrow::TimestampType&>(*array.type())) != 1) {
      return Status(Code::kInvalidInput, "a timestamp is not in microseconds")
          .WithError("WH7055")
          .WithHint("cast it to TIMESTAMP or TIMESTAMPTZ");
    }
    const bool known = platform::VisitTyped(array, [&]<typename Array>(const Array& typed)
                                              requires DigestedArray<Array>
                                            { AddTyped(typed); });
    if (known) return Status::Ok();
    return Status(Code::kInvalidInput, fmt::format("a column of type {} has no canonical bytes",
                                                   array.type()->ToString()))
        .WithError("WH7055")
        .WithHint("cast it to a type that a table can hold");
  }

 private:
  template <typename Array>
  void AddTyped(const Array& array) {
    if constexpr (std::same_as<Array, arrow::BooleanArray>) {
      Booleans(array);
    } else if constexpr (platform::IntegerArray<Array>) {
      Numbers(array, 2);
    } else if constexpr (platform::RealArray<Array>) {
      Doubles(array);
    } else if constexpr (std::same_as<Array, arrow::Decimal128Array>) {
      Decimals(array);
    } else if constexpr (std::same_as<Array, arrow::Date32Array>) {
      Numbers(array, 5);
    } else if constexpr (std::same_as<Array, arrow::TimestampArray>) {
      const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
      Numbers(array, type.timezone().empty() ? 6 : 7);
    } else if constexpr (std::same_as<Array, arrow::Time64Array>) {
      Numbers(array, 10);
    } else {
      Texts(array, platform::TextArray<Array> ? 8 : 9);
    }
  }

  template <typename ArrayType, typename Size, typename Write>
  void Each(const ArrayType& array, Size&& size_of, Write&& write) {
    const std::int64_t first = row_;
    const std::int64_t length = array.length();
    row_ += length;
    if (array.null_count() == 0) {
      for (std::int64_t i = 0; measure_ && i < length; ++i)
        block_.Grow(first + i, 1 + static_cast<std::size_t>(size_of(i)));
      for (std::int64_t i = 0; !measure_ && i < length; ++i) write(first + i, i);
      return;
    }
    // Asked of the bitmap itself: a call for each cell costs as much as the cell.
    const std::uint8_t* const valid = array.null_bitmap_data();
    const std::int64_t offset = array.offset();
    for (std::int64_t i = 0; i < length; ++i) {
      const bool null = !arrow::bit_util::GetBit(valid, static_cast<std::uint64_t>(offset + i));
      if (measure_) {
        block_.Grow(first + i, null ? 1 : 1 + static_cast<std::size_t>(size_of(i)));
      } else if (null) {
        block_.PutByte(first + i, 0);
      } else {
        write(first + i, i);
      }
    }
  }

  template <typename ArrayType>
  void Numbers(const ArrayType& array, std::uint8_t tag) {
    Each(
        array, [](std::int64_t) { return 8; },
        [&](std::int64_t row, std::int64_t i) {
          const auto value = static_cast<std::int64_t>(array.Value(i));
          block_.PutByte(row, tag);
          block_.Put(row, &value, 8);
        });
  }

  template <typename ArrayType>
  void Doubles(const ArrayType& array) {
    Each(
        array, [](std::int64_t) { return 8; },
        [&](std::int64_t row, std::int64_t i) {
          const auto value = static_cast<double>(array.Value(i));
          auto bits = std::bit_cast<std::uint64_t>(value);
          if (std::isnan(value)) bits = 0x7FF8000000000000;
          block_.PutByte(row, 3);
          block_.Put(row, &bits, 8);
        });
  }

  void Booleans(const arrow::BooleanArray& array) {
    Each(
        array, [](std::int64_t) { return 1; },
        [&](std::int64_t row, std::int64_t i) {
          block_.PutByte(row, 1);
          block_.PutByte(row, array.Value(i) ? 1 : 0);
        });
  }

  void Decimals(const arrow::Decimal128Array& array) {
    const auto scale = static_cast<const arrow::Decimal128Type&>(*array.type()).scale();
    Each(
        array, [](std::int64_t) { return 17; },
        [&](std::int64_t row, std::int64_t i) {
          const arrow::Decimal128 value(array.GetValue(i));
          const std::uint64_t low = value.low_bits();
          const std::int64_t high = value.high_bits();
          block_.PutByte(row, 4);
          block_.PutByte(row, static_cast<std::uint8_t>(scale));
          block_.Put(row, &low, 8);
          block_.Put(row, &high, 8);
        });
  }

  template <typename ArrayType>
  void Texts(const ArrayType& array, std::uint8_t tag) {
    Each(
        array, [&](std::int64_t i) { return 4 + array.GetView(i).size(); },
        [&](std::int64_t row, std::int64_t i) {
          const std::string_view text = array.GetView(i);
          const auto size = static_cast<std::uint32_t>(text.size());
          block_.PutByte(row, tag);
          block_.Put(row, &size, 4);
          block_.Put(row, text.data(), text.size());
        });
  }

  RowBlock& block_;
  bool measure_;
  std::int64_t row_ = 0;
};

Status AddColumn(const arrow::ChunkedArray& column, ColumnBytes& bytes) {
  std::int64_t row = 0;
  for (const auto& chunk : column.chunks()) {
    WEIRHOUSE_TRY_STATUS(bytes.Add(*chunk, row));
    row += chunk->length();
  }
  return Status::Ok();
}

// Digests are uniform, so that their leading bits divide them evenly: one pass into buckets of about
// 16, then each bucket by itself.
std::vector<Digest> Ascending(std::vector<Digest> digests) {
  unsigned bits = 0;
  while (bits < 20 && (digests.size() >> (bits + 5)) != 0) ++bits;
  if (bits < 2) {
    std::sort(digests.begin(), digests.end());
    return digests;
  }
  const auto bucket_of = [bits](const Digest& digest) {
    const auto* const bytes = digest.bytes.data();
    const std::uint32_t leading = static_cast<std::uint32_t>(bytes[0]) << 16 |
                                  static_cast<std::uint32_t>(bytes[1]) << 8 | bytes[2];
    return leading >> (24 - bits);
  };
  std::vector<std::uint32_t> ends((std::size_t{1} << bits) + 1, 0);
  for (const Digest& digest : digests) ++ends[bucket_of(digest) + 1];
  for (std::size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
  std::vector<Digest> sorted(digests.size());
  for (const Digest& digest : digests) sorted[ends[bucket_of(digest)]++] = digest;
  std::size_t begin = 0;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
              sorted.begin() + static_cast<std::ptrdiff_t>(ends[i]));
    begin = ends[i];
  }
  return sorted;
}
}  // namespace

Result<std::vector<Digest>> RowDigests(const arrow::Table& rows, std::span<const int> columns) {
  std::vector<Digest> digests(static_cast<std::size_t>(rows.num_rows()));
  std::vector<std::string_view> texts;
  RowBlock block;
  for (std::int64_t first = 0; first < rows.num_rows(); first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, rows.num_rows() - first);
    std::vector<std::shared_ptr<arrow::ChunkedArray>> slices;
    for (const int column : columns) slices.push_back(rows.column(column)->Slice(first, count));
    block.Begin(count);
    ColumnBytes measure(block, /*measure=*/true);
    for (const auto& slice : slices) WEIRHOUSE_TRY_STATUS(AddColumn(*slice, measure));
    block.Layout();
    ColumnBytes write(block, /*measure=*/false);
    for (const auto& slice : slices) WEIRHOUSE_TRY_STATUS(AddColumn(*slice, write));
    texts.clear();
    for (std::int64_t row = 0; row < count; ++row) texts.push_back(block.Of(row));
    Sha256OfEach(texts, digests.data() + first);
  }
  return digests;
}

Result<std::vector<Digest>> DeclaredDigests(const arrow::Table& rows) {
  std::vector<int> columns;
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (!IsHidden(rows.schema()->field(i)->name())) columns.push_back(i);
  }
  std::sort(columns.begin(), columns.end(), [&](int a, int b) {
    return rows.schema()->field(a)->name() < rows.schema()->field(b)->name();
  });
  return RowDigests(rows, columns);
}

Result<Digest> ContentDigest(const arrow::Table& rows) {
  WEIRHOUSE_TRY(std::vector<Digest> digests, DeclaredDigests(rows));
  digests = Ascending(std::move(digests));
  Sha256 hash;
  for (const Digest& digest : digests) hash.Update(digest.view());
  return hash.Finish();
}
}  // namespace weirhouse::iceberg
