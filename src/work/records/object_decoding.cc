#include "work/records/object_decoding.h"

#include <new>
#include <utility>

#include "work/landing/object_reader.h"

namespace weirhouse::work {
namespace {
// Piece by piece whatever its size, because only decoding tells how large the result is.
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
    // Changed bytes are reported first: errors that follow from them are not the file's fault.
    WEIRHOUSE_TRY_STATUS(bytes.Finish());
    return decoded;
  } catch (const std::bad_alloc&) {
    return contract::OutOfMemory();
  }
}
}  // namespace weirhouse::work
