// Bytes of ours as a file of Arrow's. Internal to the folders of Parquet.
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "ground/base/status.h"

namespace weirhouse::platform {

// Keeps the first error of its bytes, which says more than what Arrow makes of it. Threads: ReadAt
// from any number, if `read` allows that; the rest one.
class ArrowFile final : public arrow::io::RandomAccessFile {
 public:
  // Returns exactly the bytes of a range that lies in the file.
  using ReadRange = std::function<Result<std::string>(std::int64_t offset, std::int64_t count)>;
  ArrowFile(ReadRange read, std::int64_t size_bytes)
      : read_(std::move(read)), size_bytes_(size_bytes) {}

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position,
                                                       std::int64_t count) override;
  arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t count, void* out) override;
  arrow::Result<std::int64_t> Read(std::int64_t count, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t count) override;
  arrow::Status Seek(std::int64_t position) override;
  arrow::Result<std::int64_t> Tell() const override { return position_; }
  arrow::Result<std::int64_t> GetSize() override { return size_bytes_; }
  arrow::Status Close() override;
  bool closed() const override { return closed_; }

  // The first error of the bytes; OK if there was none.
  Status failure() const;

 private:
  const ReadRange read_;
  const std::int64_t size_bytes_;
  std::int64_t position_ = 0;
  bool closed_ = false;
  mutable std::mutex mutex_;
  Status failure_;  // guarded by mutex_
};
}  // namespace weirhouse::platform
