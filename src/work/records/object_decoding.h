// The records of one raw object, of whose bytes it is known that they are those that arrived.
#pragma once

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "ground/platform/io/object_store.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/decode_pieces.h"

namespace weirhouse::work {

// As contract::DecodePieces. kInvalidInput: the file, as it arrived, cannot be read. What the sink
// was given counts only where all is well. kCorruption: its bytes are gone (WH7012), or are others
// (WH1305; landing::ObjectReader). kUnavailable (WH1308): the memory does not suffice.
Result<contract::DecodedPieces> DecodeObject(platform::ObjectStore& store,
                                             const contract::Decoder& decoder,
                                             const catalog::ObjectRecord& object,
                                             const contract::RowSink& sink);
}  // namespace weirhouse::work
