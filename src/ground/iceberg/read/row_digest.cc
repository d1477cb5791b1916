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
#include <numeric>

#include "ground/base/hash/sha256_each.h"
#include "ground/iceberg/type/schema.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::iceberg {
namespace {

// their bytes stay in the processor's cache between columns
constexpr std::int64_t kBlockRows = 2048;

// Canonical bytes of a block of rows. Each row owns a piece of one buffer, of the most that its
// columns can take, and they are written to it one after another: no row allocates, and no column of
// fixed width is looked at twice.
class RowBlock {
 public:
  void Begin(std::int64_t rows) {
    fixed_ = 0;
    sizes_.assign(static_cast<std::size_t>(rows), 0);
  }
  void GrowAll(std::size_t bytes) { fixed_ += bytes; }
  void Grow(std::int64_t row, std::size_t bytes) { sizes_[static_cast<std::size_t>(row)] += bytes; }
  void Layout() {
    std::size_t total = 0;
    for (const std::size_t size : sizes_) total += fixed_ + size;
    bytes_.resize(std::max(bytes_.size(), total));
    begins_.resize(sizes_.size());
    char* at = bytes_.data();
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      begins_[i] = at;
      at += fixed_ + sizes_[i];
    }
    ends_ = begins_;
  }
  // Where the bytes of each row end so far; who writes moves them.
  char** ends() { return ends_.data(); }
  std::string_view Of(std::int64_t row) const {
    const auto i = static_cast<std::size_t>(row);
    return {begins_[i], static_cast<std::size_t>(ends_[i] - begins_[i])};
  }

 private:
  std::size_t fixed_ = 0;
  std::vector<std::size_t> sizes_;  // beyond the fixed ones
  std::vector<char*> begins_;
  std::vector<char*> ends_;
  std::vector<char> bytes_;
};

// What has canonical bytes.
template <typename Array>
concept DigestedArray = (platform::StoredArray<Array> || std::same_as<Array, arrow::UInt32Array>) &&
                        !std::same_as<Array, arrow::LargeBinaryArray>;

template <typename T>
char* PutBytes(char* at, const T& value) {
  std::memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

// Asked of the bitmap itself, null where all are valid: a call of Arrow's for each cell costs as much
// as the cell.
bool IsSet(const std::uint8_t* valid, std::int64_t i) {
  return valid == nullptr || arrow::bit_util::GetBit(valid, static_cast<std::uint64_t>(i));
}

// One column's part: first the room that it takes is measured, then it is written.
class ColumnBytes {
 public:
  explicit ColumnBytes(RowBlock& block) : block_(block) {}

  Status Measure(const arrow::ChunkedArray& column) { return Add(column, /*measure=*/true); }
  Status Write(const arrow::ChunkedArray& column) { return Add(column, /*measure=*/false); }

 private:
  Status Add(const arrow::ChunkedArray& column, bool measure) {
    measure_ = measure;
    row_ = 0;
    for (const auto& chunk : column.chunks()) {
      if (chunk->length() > 0) WEIRHOUSE_TRY_STATUS(AddChunk(*chunk));
    }
    return Status::Ok();
  }

  Status AddChunk(const arrow::Array& array) {
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

  template <typename Array>
  void AddTyped(const Array& array) {
    if constexpr (std::same_as<Array, arrow::BooleanArray>) {
      Fixed<1>(array, 1, [&](char* at, std::int64_t i) {
        return PutBytes<std::uint8_t>(at, array.Value(i) ? 1 : 0);
      });
    } else if constexpr (platform::IntegerArray<Array>) {
      Numbers(array, 2);
    } else if constexpr (platform::RealArray<Array>) {
      Fixed<8>(array, 3, [&](char* at, std::int64_t i) {
        const auto value = static_cast<double>(array.Value(i));
        return PutBytes(at, std::isnan(value) ? kNanBits : std::bit_cast<std::uint64_t>(value));
      });
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

  // Values of `size` bytes. What the slot of a NULL holds is written too, and then not counted: the
  // row has room for it.
  template <std::size_t size, typename Array, typename Write>
  void Fixed(const Array& array, std::uint8_t tag, const Write& write) {
    if (measure_) {
      if (row_ == 0) block_.GrowAll(1 + size);
      row_ += array.length();
      return;
    }
    char** const ends = block_.ends() + row_;
    const std::int64_t length = array.length();
    row_ += length;
    if (array.null_count() == 0) {
      for (std::int64_t i = 0; i < length; ++i) ends[i] = write(PutBytes(ends[i], tag), i);
      return;
    }
    const std::uint8_t* const valid = array.null_bitmap_data();
    const std::int64_t offset = array.offset();
    for (std::int64_t i = 0; i < length; ++i) {
      const bool known = IsSet(valid, offset + i);
      char* const begin = ends[i];
      char* const end = write(PutBytes<std::uint8_t>(begin, known ? tag : kNull), i);
      ends[i] = known ? end : begin + 1;
    }
  }

  template <typename Array>
  void Numbers(const Array& array, std::uint8_t tag) {
    Fixed<8>(array, tag, [&](char* at, std::int64_t i) {
      return PutBytes(at, static_cast<std::int64_t>(array.Value(i)));
    });
  }

  void Decimals(const arrow::Decimal128Array& array) {
    const auto scale = static_cast<const arrow::Decimal128Type&>(*array.type()).scale();
    Fixed<17>(array, 4, [&](char* at, std::int64_t i) {
      const arrow::Decimal128 value(array.GetValue(i));
      at = PutBytes(at, static_cast<std::uint8_t>(scale));
      at = PutBytes<std::uint64_t>(at, value.low_bits());
      return PutBytes<std::int64_t>(at, value.high_bits());
    });
  }

  template <typename Array>
  void Texts(const Array& array, std::uint8_t tag) {
    const std::int64_t first = row_;
    row_ += array.length();
    if (measure_ && first == 0) block_.GrowAll(1);
    const std::uint8_t* const valid = array.null_count() > 0 ? array.null_bitmap_data() : nullptr;
    const std::int64_t offset = array.offset();
    for (std::int64_t i = 0; i < array.length(); ++i) {
      const bool known = IsSet(valid, offset + i);
      const std::string_view text = known ? array.GetView(i) : std::string_view();
      if (measure_) {
        if (known) block_.Grow(first + i, sizeof(std::uint32_t) + text.size());
        continue;
      }
      char*& end = block_.ends()[first + i];
      end = PutBytes<std::uint8_t>(end, known ? tag : kNull);
      if (!known) continue;
      end = PutBytes(end, static_cast<std::uint32_t>(text.size()));
      std::memcpy(end, text.data(), text.size());
      end += text.size();
    }
  }

  static constexpr std::uint8_t kNull = 0;
  static constexpr std::uint64_t kNanBits = 0x7FF8000000000000;

  RowBlock& block_;
  bool measure_ = false;
  std::int64_t row_ = 0;
};

// Digests are uniform, so that their leading bits divide them evenly: into buckets of about 16 where
// they lie (the American flag sort: McIlroy, Bostic and McIlroy, 1993), then each bucket by itself.
void SortDigests(std::vector<Digest>& digests) {
  unsigned bits = 0;
  while (bits < 20 && (digests.size() >> (bits + 5)) != 0) ++bits;
  if (bits < 2) {
    std::sort(digests.begin(), digests.end());
    return;
  }
  const auto bucket_of = [bits](const Digest& digest) {
    const auto* const bytes = digest.bytes.data();
    const std::uint32_t leading = static_cast<std::uint32_t>(bytes[0]) << 16 |
                                  static_cast<std::uint32_t>(bytes[1]) << 8 | bytes[2];
    return leading >> (24 - bits);
  };
  const std::size_t buckets = std::size_t{1} << bits;
  std::vector<std::size_t> begins(buckets + 1, 0);
  for (const Digest& digest : digests) ++begins[bucket_of(digest) + 1];
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<std::size_t> next(begins.begin(), begins.end() - 1);
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    while (next[bucket] < begins[bucket + 1]) {
      Digest digest = digests[next[bucket]];
      for (std::size_t home = bucket_of(digest); home != bucket; home = bucket_of(digest))
        std::swap(digest, digests[next[home]++]);
      digests[next[bucket]++] = digest;
    }
    std::sort(digests.begin() + static_cast<std::ptrdiff_t>(begins[bucket]),
              digests.begin() + static_cast<std::ptrdiff_t>(begins[bucket + 1]));
  }
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
    ColumnBytes bytes(block);
    for (const auto& slice : slices) WEIRHOUSE_TRY_STATUS(bytes.Measure(*slice));
    block.Layout();
    for (const auto& slice : slices) WEIRHOUSE_TRY_STATUS(bytes.Write(*slice));
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
  SortDigests(digests);
  static_assert(sizeof(Digest) == sizeof(Digest::bytes));  // so that they lie side by side
  return Sha256Of({reinterpret_cast<const char*>(digests.data()), digests.size() * sizeof(Digest)});
}
}  // namespace weirhouse::iceberg
