#include "ground/iceberg/format/deletion_vector.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace weirhouse::iceberg {
namespace {

constexpr std::uint32_t kVectorMagic = 0x6439d3d1;   // bytes d1 d3 39 64
constexpr std::int64_t kPositionsMax = 100'000'000;  // 800 MB of positions; no file has more rows
constexpr std::uint32_t kCookieWithoutRuns = 12346;
constexpr std::uint32_t kCookieWithRuns = 12347;
constexpr std::uint32_t kOffsetsFrom = 4;  // containers, where there are runs
constexpr std::uint32_t kArrayMax = 4096;  // values; beyond it a container is a bitmap
constexpr std::size_t kBitmapBytes = 8192;

// Reads little-endian integers from the front; remembers if bytes were missing.
class Bytes {
 public:
  explicit Bytes(std::string_view rest) : rest_(rest) {}

  template <typename Number>
  Number Take() {
    Number value = 0;
    const std::string_view raw = Take(sizeof value);
    if (!raw.empty()) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  std::string_view Take(std::size_t count) {
    if (count > rest_.size()) {
      short_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  bool is_short() const { return short_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
};

std::uint32_t BigEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = (value << 8) | static_cast<std::uint8_t>(c);
  return value;
}

class VectorReader {
 public:
  VectorReader(std::string_view bitmap, const DataFile& file)
      : bytes_(bitmap), file_(file), positions_max_(std::min(file.row_count, kPositionsMax)) {}

  Result<std::vector<std::int64_t>> Read() {
    const auto bitmaps = bytes_.Take<std::uint64_t>();
    std::int64_t last_key = -1;
    for (std::uint64_t i = 0; i < bitmaps && !bytes_.is_short(); ++i) {
      const auto key = static_cast<std::int64_t>(bytes_.Take<std::uint32_t>());
      if (key <= last_key) return Malformed("its keys are out of order");
      last_key = key;
      WEIRHOUSE_TRY_STATUS(ReadBitmap(key << 32));
    }
    if (bytes_.is_short() || !bytes_.empty()) return Malformed("its length is wrong");
    return std::move(positions_);
  }

  Status Malformed(std::string_view why) const {
    return Status(Code::kCorruption,
                  fmt::format("deletion vector is malformed: {}: {}", file_.path, why))
        .WithError("WH7061");
  }

 private:
  struct Container {
    std::int64_t base = 0;
    std::uint32_t count = 0;
    bool is_run = false;
  };

  Status ReadBitmap(std::int64_t base) {
    const auto cookie = bytes_.Take<std::uint32_t>();
    const bool runs = (cookie & 0xffff) == kCookieWithRuns;
    if (!runs && cookie != kCookieWithoutRuns) return Malformed("it is not a Roaring bitmap");
    const std::uint32_t count = runs ? (cookie >> 16) + 1 : bytes_.Take<std::uint32_t>();
    if (count > 65536) return Malformed("it has too many containers");
    const std::string_view is_run = runs ? bytes_.Take((count + 7) / 8) : std::string_view();
    std::vector<Container> containers(count);
    for (std::uint32_t i = 0; i < count && !bytes_.is_short(); ++i) {
      containers[i].base = base + (static_cast<std::int64_t>(bytes_.Take<std::uint16_t>()) << 16);
      containers[i].count = std::uint32_t{bytes_.Take<std::uint16_t>()} + 1;
      const bool flagged =
          !is_run.empty() && (static_cast<std::uint8_t>(is_run[i / 8]) >> (i % 8) & 1) != 0;
      containers[i].is_run = flagged;
    }
    if (!runs || count >= kOffsetsFrom) bytes_.Take(std::size_t{count} * 4);
    for (const Container& container : containers) {
      if (bytes_.is_short()) break;
      WEIRHOUSE_TRY_STATUS(ReadContainer(container));
    }
    return Status::Ok();
  }

  Status ReadContainer(const Container& container) {
    if (container.is_run) {
      const auto runs = bytes_.Take<std::uint16_t>();
      for (std::uint16_t i = 0; i < runs && !bytes_.is_short(); ++i) {
        const auto start = bytes_.Take<std::uint16_t>();
        const auto more = bytes_.Take<std::uint16_t>();
        if (start + more > 65535) return Malformed("a run extends beyond its container");
        for (int k = 0; k <= more; ++k) WEIRHOUSE_TRY_STATUS(Add(container.base + start + k));
      }
      return Status::Ok();
    }
    if (container.count <= kArrayMax) {
      for (std::uint32_t i = 0; i < container.count && !bytes_.is_short(); ++i) {
        WEIRHOUSE_TRY_STATUS(Add(container.base + bytes_.Take<std::uint16_t>()));
      }
      return Status::Ok();
    }
    Bytes words(bytes_.Take(kBitmapBytes));
    for (int word = 0; word < 1024 && !bytes_.is_short(); ++word) {
      for (auto bits = words.Take<std::uint64_t>(); bits != 0; bits &= bits - 1) {
        WEIRHOUSE_TRY_STATUS(Add(container.base + word * 64 + std::countr_zero(bits)));
      }
    }
    return Status::Ok();
  }

  Status Add(std::int64_t position) {
    if (static_cast<std::int64_t>(positions_.size()) >= positions_max_) {
      return Malformed("it deletes more rows than its manifest states");
    }
    if (!positions_.empty() && position <= positions_.back()) {
      return Malformed("its positions are out of order");
    }
    positions_.push_back(position);
    return Status::Ok();
  }

  Bytes bytes_;
  const DataFile& file_;
  std::int64_t positions_max_;
  std::vector<std::int64_t> positions_;
};
}  // namespace

Result<std::vector<std::int64_t>> ParseDeletionVector(std::string_view blob, const DataFile& file) {
  VectorReader malformed({}, file);
  if (blob.size() < 12 || BigEndian(blob) != blob.size() - 8) {
    return malformed.Malformed("its length is wrong");
  }
  const std::string_view body = blob.substr(4, blob.size() - 8);
  std::uint32_t magic = 0;
  std::memcpy(&magic, body.data(), sizeof magic);
  if (magic != kVectorMagic) return malformed.Malformed("it does not begin with its magic number");
  const auto checksum =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  if (checksum != BigEndian(blob.substr(blob.size() - 4))) {
    return malformed.Malformed("its checksum does not match");
  }
  return VectorReader(body.substr(4), file).Read();
}
}  // namespace weirhouse::iceberg
