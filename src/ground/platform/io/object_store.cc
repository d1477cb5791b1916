#include "ground/platform/io/object_store.h"

#include <algorithm>
#include <cstring>

#include "ground/platform/io/location.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kPieceOfObjectBytes = 1 << 20;

Result<std::string> ReadToTheEnd(ByteStream& bytes) {
  std::string whole;
  while (true) {
    const std::size_t before = whole.size();
    whole.resize(before + kPieceOfObjectBytes);
    WEIRHOUSE_TRY(const std::size_t got, bytes.Read(whole.data() + before, kPieceOfObjectBytes));
    whole.resize(before + got);
    if (got == 0) return whole;
  }
}
}  // namespace

std::string ObjectStore::Spelling(std::string_view location) const {
  return CanonicalPath(location);
}

Result<bool> ObjectStore::PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                            unsigned mode) {
  WEIRHOUSE_TRY(const std::string whole, ReadToTheEnd(bytes));
  return PutIfAbsent(location, whole, mode);
}

Status ObjectStore::ReplaceByStream(const std::string& location, ByteStream& bytes,
                                    unsigned /*mode*/) {
  WEIRHOUSE_TRY(const std::string whole, ReadToTheEnd(bytes));
  return Replace(location, whole);
}

Result<std::unique_ptr<ByteStream>> ObjectStore::Open(const std::string& location,
                                                      std::int64_t offset,
                                                      std::int64_t size_bytes) {
  return std::unique_ptr<ByteStream>(
      std::make_unique<RangeStream>(*this, location, offset, size_bytes));
}

Result<std::size_t> RangeStream::Read(char* into, std::size_t room) {
  const std::int64_t wanted =
      std::min(static_cast<std::int64_t>(std::min(room, kPieceOfObjectBytes)), left_bytes_);
  if (wanted <= 0) return std::size_t{0};
  WEIRHOUSE_TRY(const std::string piece, store_.ReadRange(location_, offset_, wanted));
  std::memcpy(into, piece.data(), piece.size());
  offset_ += wanted;
  left_bytes_ -= wanted;
  return piece.size();
}

Status RangeStream::ReadAt(std::int64_t offset, char* into, std::size_t count) {
  const auto wanted = static_cast<std::int64_t>(count);
  WEIRHOUSE_CHECK(offset >= 0 && wanted >= 0 && offset <= size_bytes_ - wanted);
  if (count == 0) return Status();
  WEIRHOUSE_TRY(const std::string piece, store_.ReadRange(location_, begin_ + offset, wanted));
  std::memcpy(into, piece.data(), piece.size());
  return Status();
}

Result<Digest> HashObject(ObjectStore& store, const std::string& location) {
  WEIRHOUSE_TRY(const FileInfo info, store.Stat(location));
  WEIRHOUSE_TRY(const std::unique_ptr<ByteStream> stream, store.Open(location, 0, info.size_bytes));
  Sha256 sha;
  std::string piece(kPieceOfObjectBytes, '\0');
  while (true) {
    WEIRHOUSE_TRY(const std::size_t got, stream->Read(piece.data(), piece.size()));
    if (got == 0) return sha.Finish();
    sha.Update(std::string_view(piece).substr(0, got));
  }
}
}  // namespace weirhouse::platform
