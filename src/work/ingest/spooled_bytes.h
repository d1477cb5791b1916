// Bytes that a source gives once, kept until they are stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/io/open_folder.h"

namespace weirhouse::work {

// A file without a name: it leaves the disk with this object, or with the process. Threads: one.
class SpooledBytes {
 public:
  // Reads all of `bytes` into a file in `folder`. Memory: a piece. An error of the stream is
  // returned; kUnavailable (WH7010): the disk is full.
  static Result<std::unique_ptr<SpooledBytes>> Take(ByteStream& bytes, const std::string& folder);

  std::int64_t size_bytes() const { return size_bytes_; }
  const Digest& digest() const { return digest_; }
  // From the beginning, any number of times; must outlive the stream.
  std::unique_ptr<ByteStream> Open() const;

 private:
  SpooledBytes(platform::Descriptor fd, std::string folder)
      : fd_(std::move(fd)), folder_(std::move(folder)) {}
  platform::Descriptor fd_;
  std::string folder_;  // for messages
  std::int64_t size_bytes_ = 0;
  Digest digest_;
};
}  // namespace weirhouse::work
