// Files that need not fit into memory, put and read piece by piece.
#pragma once

#include <cstdint>
#include <string>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/io/disk.h"

namespace weirhouse::platform {

// A disk that takes a file as it comes. One that is none is given the whole.
class PieceDisk {
 public:
  virtual ~PieceDisk() = default;
  virtual Result<bool> PutStreamIfAbsent(const std::string& path, ByteStream& bytes,
                                         unsigned mode) = 0;
  virtual Status ReplaceByStream(const std::string& path, ByteStream& bytes, unsigned mode) = 0;
};

// As Disk::PutIfAbsent. An error of the stream is returned, and nothing was put. Where `path` is
// there already, nothing need be read.
Result<bool> PutStreamIfAbsent(Disk& disk, const std::string& path, ByteStream& bytes,
                               unsigned mode);

// As Disk::Replace, with `mode`. An error of the stream is returned, and what was there stays.
Status ReplaceByStream(Disk& disk, const std::string& path, ByteStream& bytes, unsigned mode);

// The bytes of a file, of `size_bytes`, as a stream: kCorruption (WH7017) where it is shorter.
class FileStream final : public ByteStream {
 public:
  FileStream(Disk& disk, std::string path, std::int64_t size_bytes)
      : disk_(disk), path_(std::move(path)), size_bytes_(size_bytes) {}
  Result<std::size_t> Read(char* into, std::size_t room) override;

 private:
  Disk& disk_;
  std::string path_;
  std::int64_t size_bytes_;
  std::int64_t offset_ = 0;
};

// Memory: a piece.
Result<Digest> DigestOfFile(Disk& disk, const std::string& path);
}  // namespace weirhouse::platform
