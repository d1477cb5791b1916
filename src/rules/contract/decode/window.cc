#include "rules/contract/decode/window.h"

#include <algorithm>
#include <cstring>

#include "rules/contract/decode/decode_pieces.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kPieceBytesMax = 16 << 20;
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
  // As much again as is there, so that a long record is moved a few times only; little at first,
  // because most objects are small.
  const std::size_t had = bytes_.size();
  const std::size_t room = std::clamp(had, next_piece_, kPieceBytesMax);
  next_piece_ = std::min(2 * next_piece_, kPieceBytes);
  bytes_.resize(had + room);
  std::size_t filled = 0;
  Result<std::size_t> got = std::size_t{0};
  while (filled < room) {
    got = stream_->Read(bytes_.data() + had + filled, room - filled);
    ended_ = got.ok() && *got == 0;
    if (!got.ok() || ended_) break;
    filled += *got;
  }
  bytes_.resize(had + filled);
  WEIRHOUSE_TRY_STATUS(got.status());
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
