// Decodes one raw object, whose bytes are checked to be those that arrived.
#pragma once

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "ground/platform/io/object_store.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/decode_pieces.h"

namespace weirhouse::work {

// As contract::DecodePieces. What the sink was given counts only if the call succeeds.
//   kInvalidInput          the file, as it arrived, cannot be read
//   kCorruption            its bytes are missing (WH7012) or changed (WH1305); landing::ObjectReader
//   kUnavailable (WH1308)  memory does not suffice
Result<contract::DecodedPieces> DecodeObject(platform::ObjectStore& store,
                                             const contract::Decoder& decoder,
                                             const catalog::ObjectRecord& object,
                                             const contract::RowSink& sink);
}  // namespace weirhouse::work
