#include "ground/platform/io/piece_put.h"

#include <algorithm>
#include <cstring>

namespace weirhouse::platform {
namespace {
constexpr std::size_t kPutBytes = 1 << 20;

Result<std::string> ReadToTheEnd(ByteStream& bytes) {
  std::string whole;
  while (true) {
    const std::size_t before = whole.size();
    whole.resize(before + kPutBytes);
    WEIRHOUSE_TRY(const std::size_t got, bytes.Read(whole.data() + before, kPutBytes));
    whole.resize(before + got);
    if (got == 0) return whole;
  }
}
}  // namespace

Result<bool> PutStreamIfAbsent(Disk& disk, const std::string& path, ByteStream& bytes,
                               unsigned mode) {
  if (auto* const pieces = dynamic_cast<PieceDisk*>(&disk)) {
    return pieces->PutStreamIfAbsent(path, bytes, mode);
  }
  WEIRHOUSE_TRY(const std::string whole, ReadToTheEnd(bytes));
  return disk.PutIfAbsent(path, whole, mode);
}

Status ReplaceByStream(Disk& disk, const std::string& path, ByteStream& bytes, unsigned mode) {
  if (auto* const pieces = dynamic_cast<PieceDisk*>(&disk)) {
    return pieces->ReplaceByStream(path, bytes, mode);
  }
  WEIRHOUSE_TRY(const std::string whole, ReadToTheEnd(bytes));
  WEIRHOUSE_TRY_STATUS(disk.Remove(path));
  return disk.PutIfAbsent(path, whole, mode).status();
}

Result<std::size_t> FileStream::Read(char* into, std::size_t room) {
  const std::int64_t wanted =
      std::min({static_cast<std::int64_t>(std::min(room, kPutBytes)), size_bytes_ - offset_});
  if (wanted <= 0) return std::size_t{0};
  WEIRHOUSE_TRY(const std::string piece, disk_.ReadRange(path_, offset_, wanted));
  std::memcpy(into, piece.data(), piece.size());
  offset_ += wanted;
  return piece.size();
}

Result<Digest> DigestOfFile(Disk& disk, const std::string& path) {
  WEIRHOUSE_TRY(const FileInfo info, disk.Stat(path));
  FileStream stream(disk, path, info.size_bytes);
  Sha256 sha;
  std::string piece(kPutBytes, '\0');
  while (true) {
    WEIRHOUSE_TRY(const std::size_t got, stream.Read(piece.data(), piece.size()));
    if (got == 0) return sha.Finish();
    sha.Update(std::string_view(piece).substr(0, got));
  }
}
}  // namespace weirhouse::platform
