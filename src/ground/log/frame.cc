#include "ground/log/frame.h"

#include <bit>
#include <cstring>

#include "ground/base/hash/crc32c.h"

namespace weirhouse::stream {
namespace {
static_assert(std::endian::native == std::endian::little);

template <typename T>
void Put(char* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}
template <typename T>
T Get(const char* at) {
  T value{};
  std::memcpy(&value, at, sizeof(value));
  return value;
}
constexpr std::size_t kNonceAt = 8;  // of a segment's header
constexpr std::size_t kNonceEnd = 16;
constexpr std::size_t kChecked = 8;  // what the header's checksum takes in begins here

std::uint32_t HeaderChecksum(const char* frame, std::uint32_t nonce) {
  return Crc32c({frame + kChecked, kFrameHeaderBytes - kChecked}, nonce);
}
}  // namespace

std::string MakeSegmentHeader(Random& random) {
  std::string header(kSegmentMagic);
  header.resize(kSegmentHeaderBytes);
  Put(header.data() + kNonceAt, random.Next());
  Put(header.data() + kNonceEnd, Crc32c(std::string_view(header).substr(0, kNonceEnd)));
  return header;
}

std::optional<std::uint32_t> ReadNonce(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) return std::nullopt;
  if (Get<std::uint64_t>(bytes.data() + kNonceEnd) != Crc32c(bytes.substr(0, kNonceEnd)))
    return std::nullopt;
  return Crc32c(bytes.substr(kNonceAt, kNonceEnd - kNonceAt));
}

void AppendFrame(const Record& record, std::string* bytes) {
  const std::size_t begin = bytes->size();
  bytes->resize(begin + kFrameHeaderBytes);
  bytes->append(record.key).append(record.attributes).append(record.value);
  char* const frame = bytes->data() + begin;
  std::memcpy(frame, kFrameMagic.data(), kFrameMagic.size());
  Put(frame + 32, static_cast<std::uint32_t>(record.key.size()));
  Put(frame + 36, static_cast<std::uint32_t>(record.attributes.size()));
  Put(frame + 40, static_cast<std::uint32_t>(record.value.size()));
  Put(frame + 44, Crc32c(std::string_view(*bytes).substr(begin + kFrameHeaderBytes)));
}

std::size_t SealFrame(char* frame, std::uint32_t nonce, std::int64_t offset,
                      std::int64_t appended_us, std::int64_t durable) {
  Put(frame + 8, offset);
  Put(frame + 16, appended_us);
  Put(frame + 24, durable);
  Put(frame + 4, HeaderChecksum(frame, nonce));
  return kFrameHeaderBytes + std::size_t{Get<std::uint32_t>(frame + 32)} +
         Get<std::uint32_t>(frame + 36) + Get<std::uint32_t>(frame + 40);
}

std::optional<FrameHeader> ReadFrameHeader(std::string_view bytes, std::uint32_t nonce) {
  if (bytes.size() < kFrameHeaderBytes || !bytes.starts_with(kFrameMagic)) return std::nullopt;
  const char* const frame = bytes.data();
  if (Get<std::uint32_t>(frame + 4) != HeaderChecksum(frame, nonce)) return std::nullopt;
  FrameHeader header;
  header.offset = Get<std::int64_t>(frame + 8);
  header.appended_us = Get<std::int64_t>(frame + 16);
  header.durable = Get<std::int64_t>(frame + 24);
  header.key_size = Get<std::uint32_t>(frame + 32);
  header.attributes_size = Get<std::uint32_t>(frame + 36);
  header.value_size = Get<std::uint32_t>(frame + 40);
  header.body_checksum = Get<std::uint32_t>(frame + 44);
  return header;
}

std::optional<StoredRecord> ReadFrame(const FrameHeader& header, std::string_view frame) {
  if (frame.size() < header.frame_size()) return std::nullopt;
  const std::string_view body = frame.substr(kFrameHeaderBytes, header.body_size());
  if (Crc32c(body) != header.body_checksum) return std::nullopt;
  StoredRecord record;
  record.offset = header.offset;
  record.appended_at = ProcessTimeOfMicros(header.appended_us);
  record.key = body.substr(0, header.key_size);
  record.attributes = body.substr(header.key_size, header.attributes_size);
  record.value = body.substr(std::size_t{header.key_size} + header.attributes_size);
  return record;
}
}  // namespace weirhouse::stream
