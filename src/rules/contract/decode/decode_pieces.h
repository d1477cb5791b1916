// Decoding of objects whose rows need not be in memory at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"
#include "rules/contract/contract.h"

namespace weirhouse::contract {

// Of an object, also after inflating.
inline constexpr std::int64_t kStreamBytesMax = std::int64_t{16} << 30;

// Takes rows and refused records of an object while it is still being read. They count only if the
// whole of it can be read. What has no taker stays in Decoded.
struct RowSink {
  std::function<Status(std::shared_ptr<arrow::Table>)> take{};
  std::function<Status(std::vector<QuarantinedRecord>)> take_quarantined{};
  // When a piece is full; `piece_bytes` of texts, or of refused records.
  std::int64_t piece_rows = 128 << 10;
  std::int64_t piece_bytes = 32 << 20;
};

struct DecodedPieces {
  Decoded last;                  // without the rows and records that the sink was given
  std::int64_t valid_count = 0;  // valid records, wherever their rows are
  std::int64_t quarantined_count = 0;
};

// As Decoder::Decode. Memory: of a piece, and of the longest record.
Result<DecodedPieces> DecodePieces(const Decoder& decoder, ByteStream& object,
                                   std::int64_t size_bytes, const ObjectContext& context,
                                   const RowSink& sink);
}  // namespace weirhouse::contract
