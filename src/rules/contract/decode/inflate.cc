#include "rules/contract/decode/inflate.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <string>

#include "rules/contract/decode/decode_pieces.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kChunkBytes = 256 << 10;
constexpr std::size_t kRatioFreeBytes = 1 << 20;  // small objects may be as repetitive as they like

Status Damaged(std::string_view why, std::size_t offset) {
  return Status(Code::kInvalidInput, fmt::format("object cannot be read: its gzip stream {}", why))
      .WithError("WH1312")
      .WithHint(fmt::format("at compressed byte offset {}", offset));
}

}  // namespace

struct InflatingStream::State {
  ByteStream& compressed;
  std::size_t compressed_bytes;  // all of them
  std::size_t limit;             // of what they may become
  std::string piece;             // of the compressed bytes
  std::size_t at = 0;            // in the piece
  std::size_t consumed = 0;
  std::size_t produced = 0;
  bool ended = false;  // no more compressed bytes
  bool in_member = false;
  bool had_member = false;
  z_stream stream{};
};

InflatingStream::InflatingStream(ByteStream& compressed, std::int64_t compressed_bytes)
    : state_(new State{compressed, static_cast<std::size_t>(compressed_bytes), 0, {}}) {
  const std::size_t by_ratio = std::max(
      kRatioFreeBytes, state_->compressed_bytes * static_cast<std::size_t>(kInflateRatioMax));
  state_->limit = std::min(static_cast<std::size_t>(kStreamBytesMax), by_ratio);
}

InflatingStream::~InflatingStream() {
  if (state_->in_member) inflateEnd(&state_->stream);
}

// More compressed bytes, if there are any.
Status InflatingStream::Fill() {
  State& state = *state_;
  if (state.at < state.piece.size() || state.ended) return Status();
  state.piece.resize(kChunkBytes);
  const Result<std::size_t> got = state.compressed.Read(state.piece.data(), state.piece.size());
  state.piece.resize(got.ok() ? *got : 0);
  state.at = 0;
  state.ended = got.ok() && *got == 0;
  return got.status();
}

Result<std::size_t> InflatingStream::Read(char* into, std::size_t room) {
  State& state = *state_;
  while (true) {
    WEIRHOUSE_TRY_STATUS(Fill());
    if (!state.in_member) {
      if (state.ended && state.had_member) return std::size_t{0};
      state.stream = z_stream{};
      // A gzip file is one or more members.
      if (inflateInit2(&state.stream, 15 + 16) != Z_OK) {
        return Status(Code::kInternal, "could not start zlib");
      }
      state.in_member = state.had_member = true;
    }
    const std::size_t given = state.piece.size() - state.at;
    const std::size_t wanted = std::min<std::size_t>(room, 1U << 30);
    state.stream.next_in = reinterpret_cast<Bytef*>(state.piece.data() + state.at);
    state.stream.avail_in = static_cast<uInt>(given);
    state.stream.next_out = reinterpret_cast<Bytef*>(into);
    state.stream.avail_out = static_cast<uInt>(wanted);
    const int outcome = inflate(&state.stream, Z_NO_FLUSH);
    state.at += given - state.stream.avail_in;
    state.consumed += given - state.stream.avail_in;
    const std::size_t made = wanted - state.stream.avail_out;
    state.produced += made;
    if (outcome == Z_DATA_ERROR || outcome == Z_NEED_DICT || outcome == Z_STREAM_ERROR) {
      return Damaged("is damaged", state.consumed);
    }
    if (outcome == Z_MEM_ERROR) return OutOfMemory();
    if (state.produced > state.limit) {
      return Status(Code::kInvalidInput, "object inflates to more than may be")
          .WithError("WH1311")
          .WithHint(
              fmt::format("{} bytes become more than {}", state.compressed_bytes, state.limit));
    }
    if (outcome == Z_STREAM_END) {
      inflateEnd(&state.stream);
      state.in_member = false;
    } else if (state.ended && made == 0) {
      return Damaged("is cut short", state.consumed);
    }
    if (made > 0) return made;
  }
}
}  // namespace weirhouse::contract
