#include "work/records/object_decoding.h"

#include <arrow/api.h>

#include <new>
#include <string>
#include <utility>

#include "work/landing/object_reader.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kWholeObjectBytesMax = 1 << 20;  // larger ones are read piece by piece

Result<contract::DecodedPieces> DecodeStream(const contract::Decoder& decoder, ByteStream& bytes,
                                             const catalog::ObjectRecord& object,
                                             const contract::ObjectContext& context,
                                             const contract::RowSink& sink) {
  try {
    return contract::DecodePieces(decoder, bytes, object.size_bytes, context, sink);
  } catch (const std::bad_alloc&) {
    return contract::OutOfMemory();
  }
}

Result<contract::DecodedPieces> Decode(platform::Disk& disk, const contract::Decoder& decoder,
                                       const catalog::ObjectRecord& object,
                                       const contract::RowSink& sink) {
  const contract::ObjectContext context{object.source, object.name, object.first_record_id,
                                        object.arrived_at};
  if (object.size_bytes > kWholeObjectBytesMax) {
    landing::ObjectReader bytes(disk, object);
    Result<contract::DecodedPieces> decoded = DecodeStream(decoder, bytes, object, context, sink);
    // Bytes that did not arrive come first: what they led to is no fault of the file.
    WEIRHOUSE_TRY_STATUS(bytes.Finish());
    return decoded;
  }
  WEIRHOUSE_TRY(const std::string bytes, landing::ReadObject(disk, object));
  WEIRHOUSE_TRY(contract::Decoded decoded, decoder.Decode(bytes, context));
  const std::int64_t valid = decoded.rows->num_rows();
  const auto refused = static_cast<std::int64_t>(decoded.quarantined.size());
  return contract::DecodedPieces{std::move(decoded), valid, refused};
}
}  // namespace

Result<contract::DecodedPieces> DecodeObject(platform::Disk& disk, const contract::Decoder& decoder,
                                             const catalog::ObjectRecord& object,
                                             const contract::RowSink& sink) {
  try {
    return Decode(disk, decoder, object, sink);
  } catch (const std::bad_alloc&) {
    return contract::OutOfMemory();
  }
}
}  // namespace weirhouse::work
