// The part of an object's bytes that is looked at just now.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"

namespace weirhouse::contract {

// kInvalidInput (WH1311): more than kStreamBytesMax.
Status TooLarge();

// Slides over a stream: what was consumed is forgotten, so that an object of any size takes the
// memory of its longest record, and a piece. Threads: one.
class Window {
 public:
  // `stream` must outlive it.
  explicit Window(ByteStream& stream) : stream_(&stream) {}
  // All of `bytes` at once, where they lie.
  explicit Window(std::string_view bytes) : whole_(bytes), ended_(true) {}

  // What is not consumed yet. Valid until More().
  std::string_view view() const {
    return (stream_ == nullptr ? whole_ : std::string_view(bytes_)).substr(begin_);
  }
  // Whether nothing follows the view.
  bool ended() const { return ended_; }
  // Where the view begins in the object.
  std::int64_t offset() const { return dropped_ + static_cast<std::int64_t>(begin_); }
  // Makes the view longer, or ended() true. kInvalidInput (WH1311) where the object is larger than
  // kStreamBytesMax.
  Status More();
  void Consume(std::size_t bytes) { begin_ += bytes; }

  // The line, from 1, of the byte at `offset`, which lies in the view. Offsets must not descend.
  std::int64_t LineAt(std::int64_t offset);

 private:
  void CountLinesUpTo(std::size_t end);

  ByteStream* stream_ = nullptr;  // null: `whole_` is all there is
  std::string_view whole_;
  std::string bytes_;
  std::size_t next_piece_ = 64 << 10;
  std::size_t begin_ = 0;     // of the view
  std::int64_t dropped_ = 0;  // bytes of the object before bytes_
  std::size_t counted_ = 0;   // up to there line ends are in line_
  std::int64_t line_ = 1;
  bool ended_ = false;
};
}  // namespace weirhouse::contract
