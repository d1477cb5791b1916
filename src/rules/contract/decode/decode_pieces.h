// Decodes objects whose rows need not be in memory all at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"
#include "rules/contract/contract.h"

namespace weirhouse::contract {

// The size limit of an object, before and after inflating.
inline constexpr std::int64_t kStreamBytesMax = std::int64_t{16} << 30;

// Takes rows and refused records of an object while it is being read. They count only if all of the
// object can be read. Rows without a taker stay in Decoded.
struct RowSink {
  std::function<Status(std::shared_ptr<arrow::Table>)> take{};
  std::function<Status(std::vector<QuarantinedRecord>)> take_quarantined{};
  // A piece is full at this many rows, or at `piece_bytes` of texts or of refused records.
  std::int64_t piece_rows = 128 << 10;
  std::int64_t piece_bytes = 32 << 20;
};

struct DecodedPieces {
  Decoded last;                  // without the rows and records that the sink took
  std::int64_t valid_count = 0;  // valid records, wherever their rows are
  std::int64_t quarantined_count = 0;
};

// As Decoder::Decode. Memory: one piece, and the longest record.
Result<DecodedPieces> DecodePieces(const Decoder& decoder, ByteStream& object,
                                   std::int64_t size_bytes, const ObjectContext& context,
                                   const RowSink& sink);
}  // namespace weirhouse::contract
