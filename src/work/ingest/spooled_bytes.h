// Bytes that a source gives only once, kept until they are stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/io/open_folder.h"

namespace weirhouse::work {

// A file without a name, which disappears with this object or with the process. Threads: one.
class SpooledBytes {
 public:
  // Reads all of `bytes` into a file in `folder`. Memory: one piece. Returns an error of the
  // stream;
  // kUnavailable (WH7010) if the disk is full.
  static Result<std::unique_ptr<SpooledBytes>> Take(ByteStream& bytes, const std::string& folder);

  std::int64_t size_bytes() const { return size_bytes_; }
  const Digest& digest() const { return digest_; }
  // Reads from the beginning; may be called any number of times. Must outlive the stream.
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
