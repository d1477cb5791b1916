// One record of a segment as bytes.
//
//   bytes  field             little-endian
//   0      magic             "WHR1"
//   4      header checksum   CRC-32C of the segment's nonce and bytes 8 to 47
//   8      offset            of the record in its log
//   16     appended          microseconds since 1970-01-01 UTC
//   24     durable           bytes of this segment that were on the disk before this was written
//   32     key size
//   36     attributes size
//   40     value size
//   44     body checksum     CRC-32C of key, attributes and value, which follow
//
// The checksum of the header does not take in the body, so that a reader knows where the next frame
// lies before it has read this one. `durable` tells damage from a write that power ended: what lies
// before the greatest one was acknowledged, what lies behind it was not. A segment begins with the
// 8 bytes "WHLOG001", its nonce of 8 random bytes, their CRC-32C and 4 zeros: neither a frame within a record that somebody
// sent nor one that a block of the disk held before is taken for one of the segment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/random.h"
#include "ground/log/log.h"

namespace weirhouse::stream {

inline constexpr std::size_t kFrameHeaderBytes = 48;
inline constexpr std::string_view kFrameMagic = "WHR1";
inline constexpr std::string_view kSegmentMagic = "WHLOG001";
inline constexpr std::size_t kSegmentHeaderBytes = 24;

std::string MakeSegmentHeader(Random& random);
// The nonce of a segment that begins with `bytes`, as the frames' checksums take it in; absent if
// these are no segment's header.
std::optional<std::uint32_t> ReadNonce(std::string_view bytes);

struct FrameHeader {
  std::int64_t offset = 0;
  std::int64_t appended_us = 0;
  std::int64_t durable = 0;
  std::uint32_t key_size = 0;
  std::uint32_t attributes_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t body_checksum = 0;

  std::size_t body_size() const { return std::size_t{key_size} + attributes_size + value_size; }
  std::size_t frame_size() const { return kFrameHeaderBytes + body_size(); }
};

// Appends the frame of `record` to `bytes`, with a header that SealFrame completes.
void AppendFrame(const Record& record, std::string* bytes);
// Writes what is known only now into the frame that begins at `frame`, and returns its size.
std::size_t SealFrame(char* frame, std::uint32_t nonce, std::int64_t offset,
                      std::int64_t appended_us, std::int64_t durable);
// The header at the beginning of `bytes`; absent if these are not one.
std::optional<FrameHeader> ReadFrameHeader(std::string_view bytes, std::uint32_t nonce);
// The record of a whole frame, as views into `frame`; absent if its body is damaged.
std::optional<StoredRecord> ReadFrame(const FrameHeader& header, std::string_view frame);
}  // namespace weirhouse::stream
