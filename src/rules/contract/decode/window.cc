#include "rules/contract/decode/window.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "rules/contract/decode/decode_pieces.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kPieceBytesMax = 1 << 20;
}  // namespace

Status TooLarge() {
  return Status(Code::kInvalidInput, "object is larger than 16 GiB")
      .WithError("WH1311")
      .WithHint("split the file");
}

Status Window::More() {
  if (ended_) return Status();
  if (begin_ > 0) {
    CountLinesUpTo(begin_);
    bytes_.erase(0, begin_);
    dropped_ += static_cast<std::int64_t>(begin_);
    counted_ -= begin_;
    begin_ = 0;
  }
  // Starts with a small piece, because most objects are small.
  const std::size_t had = bytes_.size();
  const std::size_t room = std::exchange(next_piece_, std::min(2 * next_piece_, kPieceBytesMax));
  bytes_.resize(had + room);
  const Result<std::size_t> got = stream_->Read(bytes_.data() + had, room);
  bytes_.resize(had + (got.ok() ? *got : 0));
  WEIRHOUSE_TRY_STATUS(got.status());
  ended_ = *got == 0;
  if (dropped_ + static_cast<std::int64_t>(bytes_.size()) > kStreamBytesMax) {
    return TooLarge();
  }
  return Status();
}

std::int64_t Window::LineAt(std::int64_t offset) {
  CountLinesUpTo(static_cast<std::size_t>(offset - dropped_));
  return line_;
}

void Window::CountLinesUpTo(std::size_t end) {
  const std::string_view all = stream_ == nullptr ? whole_ : std::string_view(bytes_);
  while (counted_ < end) {
    const void* found = std::memchr(all.data() + counted_, '\n', end - counted_);
    if (found == nullptr) break;
    ++line_;
    counted_ = static_cast<std::size_t>(static_cast<const char*>(found) - all.data()) + 1;
  }
  counted_ = std::max(counted_, end);
}
}  // namespace weirhouse::contract
