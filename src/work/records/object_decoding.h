// The records of one raw object, of whose bytes it is known that they are those that arrived.
// Private to engine/.
#pragma once

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/decode_pieces.h"
#include "ground/platform/io/disk.h"

namespace weirhouse::engine {

// As contract::DecodePieces. kInvalidInput: the file, as it arrived, cannot be read. What the sink
// was given counts only where all is well. kNotFound (WH7012), kCorruption (WH1305): its bytes are
// gone, or are others (raw::ObjectReader). kUnavailable (WH1308): the memory does not suffice.
Result<contract::DecodedPieces> DecodeObject(storage::Disk& disk, const contract::Decoder& decoder,
                                             const catalog::ObjectRecord& object,
                                             const contract::RowSink& sink);
}  // namespace weirhouse::engine
