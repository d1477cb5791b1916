// The part of an object's bytes that is currently in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"

namespace weirhouse::contract {

// The error of an object larger than kStreamBytesMax: kInvalidInput (WH1311).
Status TooLarge();

// Slides over a stream. Consumed bytes are dropped, so an object of any size needs memory for its
// longest record and one piece. Threads: one.
class Window {
 public:
  // `stream` must outlive it.
  explicit Window(ByteStream& stream) : stream_(&stream) {}
  // A window over all of `bytes`, without copying.
  explicit Window(std::string_view bytes) : whole_(bytes), ended_(true) {}

  // The bytes that are not consumed yet. Valid until More().
  std::string_view view() const {
    return (stream_ == nullptr ? whole_ : std::string_view(bytes_)).substr(begin_);
  }
  // Whether nothing follows the view.
  bool ended() const { return ended_; }
  // Where the view begins in the object.
  std::int64_t offset() const { return dropped_ + static_cast<std::int64_t>(begin_); }
  // Extends the view, or sets ended(). kInvalidInput (WH1311) if the object is larger than
  // kStreamBytesMax.
  Status More();
  void Consume(std::size_t bytes) { begin_ += bytes; }

  // The line, from 1, of the byte at `offset`, which lies in the view. Offsets must not descend.
  std::int64_t LineAt(std::int64_t offset);

 private:
  void CountLinesUpTo(std::size_t end);

  ByteStream* stream_ = nullptr;  // null: `whole_` holds all bytes
  std::string_view whole_;
  std::string bytes_;
  std::size_t next_piece_ = 64 << 10;
  std::size_t begin_ = 0;     // of the view
  std::int64_t dropped_ = 0;  // bytes of the object before bytes_
  std::size_t counted_ = 0;   // line_ counts the line ends before this
  std::int64_t line_ = 1;
  bool ended_ = false;
};
}  // namespace weirhouse::contract
