#include "ground/platform/db/sqlite_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace weirhouse::platform {
namespace {
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // the last bit: checksums of big-endian words
constexpr std::uint32_t kPageBytesMin = 512;
constexpr std::uint32_t kPageBytesMax = 65536;
// Another process may be writing a frame, so only a frame that is damaged on every look counts.
constexpr int kLooks = 3;
constexpr std::chrono::milliseconds kBetweenLooks{30};

using Bytes = std::span<const unsigned char>;

std::uint32_t Word(Bytes bytes, std::size_t at) {
  return (std::uint32_t{bytes[at]} << 24) | (std::uint32_t{bytes[at + 1]} << 16) |
         (std::uint32_t{bytes[at + 2]} << 8) | std::uint32_t{bytes[at + 3]};
}

struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  bool operator==(const Checksum&) const = default;

  void Add(Bytes bytes, bool big_endian) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::uint32_t one = Word(bytes, at);
      std::uint32_t two = Word(bytes, at + 4);
      if (!big_endian) {
        one = __builtin_bswap32(one);
        two = __builtin_bswap32(two);
      }
      first += one + second;
      second += two + first;
    }
  }
};

// Where the log becomes invalid although commits follow.
struct Damage {
  std::int64_t at = 0;
  std::int64_t commits = 0;  // that end at or after that place
  bool operator==(const Damage&) const = default;
};

class Log {
 public:
  explicit Log(const std::string& path) : file_(path, std::ios::binary) {}

  std::optional<Damage> Look() {
    std::array<unsigned char, kHeaderBytes> header{};
    if (!Read(header)) return std::nullopt;
    const bool fits = ReadHeader(header);
    frame_.resize(kFrameHeaderBytes + page_bytes_);
    std::int64_t at = kHeaderBytes;
    const auto next = [&] {
      at += static_cast<std::int64_t>(frame_.size());
      return Read(frame_);
    };
    bool there = Read(frame_);
    // If the header is unreadable, the salts are taken from the first frame.
    if (!fits && there) std::copy_n(frame_.begin() + 8, salts_.size(), salts_.begin());
    while (fits && there && IsOurs() && Sum(sum_) == Stored()) {
      sum_ = Stored();
      there = next();
    }
    if (!there) return std::nullopt;
    Damage damage{fits ? at : 0, 0};
    // Whichever part of it is damaged, the frame behind continues from one of these checksums.
    std::array<Checksum, 2> before{Stored(), Sum(sum_)};
    bool ended = EndsTransaction();
    bool certain = false;
    if (ended) ++damage.commits;
    while (next() && IsOurs() && (Sum(before[0]) == Stored() || Sum(before[1]) == Stored())) {
      // A frame that follows a complete transaction was written after that one was durable. Frames
      // left by a failed commit do not continue a later one.
      certain = certain || ended;
      ended = EndsTransaction();
      if (ended) ++damage.commits;
      before = {Stored(), Stored()};
    }
    if (!fits && damage.commits > 0) certain = true;
    return certain ? std::optional(damage) : std::nullopt;
  }

 private:
  bool Read(std::span<unsigned char> bytes) {
    file_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return static_cast<std::size_t>(file_.gcount()) == bytes.size();
  }

  // Whether the header is valid; if not, the default page size is assumed.
  bool ReadHeader(Bytes header) {
    big_endian_ = (Word(header, 0) & 1) != 0;
    sum_.Add(header.first(24), big_endian_);
    const std::uint32_t page_bytes = Word(header, 8);
    std::copy(header.begin() + 16, header.begin() + 24, salts_.begin());
    const bool fits = (Word(header, 0) & ~1U) == kMagic && page_bytes >= kPageBytesMin &&
                      page_bytes <= kPageBytesMax && (page_bytes & (page_bytes - 1)) == 0 &&
                      sum_ == Checksum{Word(header, 24), Word(header, 28)};
    if (fits) {
      page_bytes_ = page_bytes;
    } else {
      big_endian_ = std::endian::native == std::endian::big;  // as this machine writes
    }
    return fits;
  }

  // Whether the current frame has the header's salts.
  bool IsOurs() const { return std::equal(salts_.begin(), salts_.end(), frame_.begin() + 8); }
  bool EndsTransaction() const { return Word(frame_, 4) != 0; }
  Checksum Stored() const { return {Word(frame_, 16), Word(frame_, 20)}; }
  Checksum Sum(Checksum sum) const {
    const Bytes frame(frame_);
    sum.Add(frame.first(8), big_endian_);
    sum.Add(frame.subspan(kFrameHeaderBytes), big_endian_);
    return sum;
  }

  std::ifstream file_;
  std::vector<unsigned char> frame_;
  std::array<unsigned char, 8> salts_{};
  std::size_t page_bytes_ = 4096;
  Checksum sum_;
  bool big_endian_ = false;
};
}  // namespace

Status CheckSqliteLog(const std::string& path) {
  const std::string log = path + "-wal";
  std::optional<Damage> damage;
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    const std::optional<Damage> seen = Log(log).Look();
    if (!seen || (damage && damage->at != seen->at)) return Status::Ok();
    damage = seen;
  }
  return Status(Code::kCorruption,
                fmt::format("the catalog's log is damaged at byte {}: {} commit{} that stand{} "
                            "behind it cannot be read: {}",
                            damage->at, damage->commits, damage->commits == 1 ? "" : "s",
                            damage->commits == 1 ? "s" : "", log))
      .WithError("WH7021")
      .WithHint(
          "restore a copy of the state folder; or give up these commits: move the log away, then "
          "run `wh verify --deep` to see what is left");
}
}  // namespace weirhouse::platform
