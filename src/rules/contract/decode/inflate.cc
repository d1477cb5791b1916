#include "rules/contract/decode/inflate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "ground/platform/io/inflate.h"
#include "rules/contract/decode/decode_pieces.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kChunkBytes = 256 << 10;
constexpr std::size_t kRatioFreeBytes = 1 << 20;  // no limit on the ratio of small objects

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
  bool had_member = false;
  std::optional<platform::Inflater> member = {};  // the one that is read
};

InflatingStream::InflatingStream(ByteStream& compressed, std::int64_t compressed_bytes)
    : state_(new State{compressed, static_cast<std::size_t>(compressed_bytes), 0, {}}) {
  const std::size_t by_ratio = std::max(
      kRatioFreeBytes, state_->compressed_bytes * static_cast<std::size_t>(kInflateRatioMax));
  state_->limit = std::min(static_cast<std::size_t>(kStreamBytesMax), by_ratio);
}

InflatingStream::~InflatingStream() = default;

// Reads more compressed bytes, if there are any.
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
    if (!state.member) {
      if (state.ended && state.had_member) return std::size_t{0};
      // A gzip file is one or more members.
      state.member.emplace(platform::DeflateForm::kGzip);
      if (!state.member->started()) return Status(Code::kInternal, "could not start zlib");
      state.had_member = true;
    }
    const auto [outcome, taken, made] =
        state.member->Next(std::string_view(state.piece).substr(state.at), into, room);
    state.at += taken;
    state.consumed += taken;
    state.produced += made;
    using Outcome = platform::Inflater::Outcome;
    if (outcome == Outcome::kDamaged) return Damaged("is damaged", state.consumed);
    if (outcome == Outcome::kOutOfMemory) return OutOfMemory();
    if (state.produced > state.limit) {
      return Status(Code::kInvalidInput, "object inflates to more than may be")
          .WithError("WH1311")
          .WithHint(
              fmt::format("{} bytes become more than {}", state.compressed_bytes, state.limit));
    }
    if (outcome == Outcome::kEnd) {
      state.member.reset();
    } else if (state.ended && made == 0) {
      return Damaged("is cut short", state.consumed);
    }
    if (made > 0) return made;
  }
}
}  // namespace weirhouse::contract
