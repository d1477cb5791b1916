#include "ground/platform/columnar/arrived/arrow_file.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace weirhouse::platform {

arrow::Result<std::shared_ptr<arrow::Buffer>> ArrowFile::ReadAt(std::int64_t position,
                                                                std::int64_t count) {
  if (position < 0 || count < 0 || position > size_bytes_)
    return arrow::Status::IOError("a range lies outside of the file");
  Result<std::string> bytes = read_(position, std::min(count, size_bytes_ - position));
  if (bytes.ok()) return arrow::Buffer::FromString(std::move(bytes).value());
  const std::scoped_lock lock(mutex_);
  if (failure_.ok()) failure_ = bytes.status();
  return arrow::Status::IOError(bytes.status().message());
}

arrow::Result<std::int64_t> ArrowFile::ReadAt(std::int64_t position, std::int64_t count,
                                              void* out) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, ReadAt(position, count));
  if (bytes->size() > 0) std::memcpy(out, bytes->data(), static_cast<std::size_t>(bytes->size()));
  return bytes->size();
}

arrow::Result<std::int64_t> ArrowFile::Read(std::int64_t count, void* out) {
  ARROW_ASSIGN_OR_RAISE(const std::int64_t got, ReadAt(position_, count, out));
  position_ += got;
  return got;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> ArrowFile::Read(std::int64_t count) {
  ARROW_ASSIGN_OR_RAISE(auto bytes, ReadAt(position_, count));
  position_ += bytes->size();
  return bytes;
}

arrow::Status ArrowFile::Seek(std::int64_t position) {
  position_ = position;
  return arrow::Status::OK();
}

arrow::Status ArrowFile::Close() {
  closed_ = true;
  return arrow::Status::OK();
}

Status ArrowFile::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}
}  // namespace weirhouse::platform
