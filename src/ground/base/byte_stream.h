// Bytes that are read once, from the first to the last: of a file that need not fit into memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse {

// Threads: one. A stream that failed is not read again.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Writes at least one and at most `room` bytes to `into`, and says how many; 0 after the last.
  virtual Result<std::size_t> Read(char* into, std::size_t room) = 0;
};

// Of bytes in memory, which must outlive it.
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
