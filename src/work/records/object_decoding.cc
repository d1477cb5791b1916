#include "work/records/object_decoding.h"

#include <new>
#include <utility>

#include "work/landing/object_reader.h"

namespace weirhouse::work {
namespace {
// Piece by piece whatever its size: only what comes out tells how much that is.
Result<contract::DecodedPieces> Decode(landing::ObjectReader& bytes,
                                       const contract::Decoder& decoder,
                                       const catalog::ObjectRecord& object,
                                       const contract::RowSink& sink) {
  const contract::ObjectContext context{object.source, object.name, object.first_record_id,
                                        object.arrived_at};
  try {
    return contract::DecodePieces(decoder, bytes, object.size_bytes, context, sink);
  } catch (const std::bad_alloc&) {
    return contract::OutOfMemory();
  }
}
}  // namespace

Result<contract::DecodedPieces> DecodeObject(platform::ObjectStore& store,
                                             const contract::Decoder& decoder,
                                             const catalog::ObjectRecord& object,
                                             const contract::RowSink& sink) {
  try {
    landing::ObjectReader bytes(store, object);
    Result<contract::DecodedPieces> decoded = Decode(bytes, decoder, object, sink);
    // Bytes that did not arrive come first: what they led to is no fault of the file.
    WEIRHOUSE_TRY_STATUS(bytes.Finish());
    return decoded;
  } catch (const std::bad_alloc&) {
    return contract::OutOfMemory();
  }
}
}  // namespace weirhouse::work
