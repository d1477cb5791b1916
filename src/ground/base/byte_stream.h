// Bytes that are read once, from first to last. The source, a file for example, need not fit into
// memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse {

// Bytes that can be read at any place. Threads: one.
class RandomBytes {
 public:
  virtual ~RandomBytes() = default;
  virtual std::int64_t size_bytes() const = 0;
  // Writes exactly `count` bytes from `offset` on to `into`. The range must lie in the bytes.
  virtual Status ReadAt(std::int64_t offset, char* into, std::size_t count) = 0;
};

// Threads: one. After an error the stream must not be read again.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Writes between 1 and `room` bytes to `into` and returns how many; 0 at the end of the stream.
  virtual Result<std::size_t> Read(char* into, std::size_t room) = 0;
  // The same bytes at any place, wherever the stream is; null if they can be read only in order.
  // Belongs to the stream.
  virtual RandomBytes* random() { return nullptr; }
};

// A stream over bytes in memory, which must outlive it.
class StreamOfBytes final : public ByteStream, public RandomBytes {
 public:
  explicit StreamOfBytes(std::string_view bytes) : all_(bytes), left_(bytes) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    const std::size_t count = std::min(room, left_.size());
    if (count > 0) std::memcpy(into, left_.data(), count);
    left_.remove_prefix(count);
    return count;
  }
  RandomBytes* random() override { return this; }
  std::int64_t size_bytes() const override { return static_cast<std::int64_t>(all_.size()); }
  Status ReadAt(std::int64_t offset, char* into, std::size_t count) override {
    WEIRHOUSE_CHECK(offset >= 0 && static_cast<std::size_t>(offset) <= all_.size() &&
                    count <= all_.size() - static_cast<std::size_t>(offset));
    if (count > 0) std::memcpy(into, all_.data() + offset, count);
    return Status();
  }

 private:
  std::string_view all_;
  std::string_view left_;
};
}  // namespace weirhouse
