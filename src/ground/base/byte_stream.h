// Bytes that are read once, from first to last. The source, a file for example, need not fit into
// memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse {

// Threads: one. After an error the stream must not be read again.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Writes between 1 and `room` bytes to `into` and returns how many; 0 at the end of the stream.
  virtual Result<std::size_t> Read(char* into, std::size_t room) = 0;
};

// A stream over bytes in memory, which must outlive it.
class StreamOfBytes final : public ByteStream {
 public:
  explicit StreamOfBytes(std::string_view bytes) : left_(bytes) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    const std::size_t count = std::min(room, left_.size());
    if (count > 0) std::memcpy(into, left_.data(), count);
    left_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view left_;
};
}  // namespace weirhouse
