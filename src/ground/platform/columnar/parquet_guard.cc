#include "ground/platform/columnar/parquet_guard.h"

#include <limits>

namespace weirhouse::platform {
namespace {
class BoundedPool : public arrow::MemoryPool {
 public:
  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(std::int64_t size, std::int64_t alignment, std::uint8_t** out) override {
    if (size > kParquetAllocationBytesMax) return TooLarge(size);
    return inner_->Allocate(size, alignment, out);
  }
  arrow::Status Reallocate(std::int64_t old_size, std::int64_t new_size, std::int64_t alignment,
                           std::uint8_t** pointer) override {
    if (new_size > kParquetAllocationBytesMax) return TooLarge(new_size);
    return inner_->Reallocate(old_size, new_size, alignment, pointer);
  }
  void Free(std::uint8_t* buffer, std::int64_t size, std::int64_t alignment) override {
    inner_->Free(buffer, size, alignment);
  }
  std::int64_t bytes_allocated() const override { return inner_->bytes_allocated(); }
  std::int64_t max_memory() const override { return inner_->max_memory(); }
  std::int64_t total_bytes_allocated() const override { return inner_->total_bytes_allocated(); }
  std::int64_t num_allocations() const override { return inner_->num_allocations(); }
  std::string backend_name() const override { return inner_->backend_name(); }

 private:
  static arrow::Status TooLarge(std::int64_t size) {
    return arrow::Status::OutOfMemory("a single allocation of ", size, " bytes ", kOverLimit);
  }
  arrow::MemoryPool* inner_ = arrow::default_memory_pool();
};
}  // namespace

arrow::MemoryPool* ParquetPool() {
  static BoundedPool* const pool = new BoundedPool;
  return pool;
}

std::string FaultOfCounts(const parquet::FileMetaData& metadata) {
  std::int64_t rows = 0;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const auto group = metadata.RowGroup(i);
    const std::int64_t group_rows = group->num_rows();
    if (group_rows < 0 || group_rows > std::numeric_limits<std::int64_t>::max() - rows)
      return "a row group has an impossible row count";
    rows += group_rows;
    for (int column = 0; column < group->num_columns(); ++column) {
      const auto chunk = group->ColumnChunk(column);
      if (chunk->num_values() < 0 || chunk->total_compressed_size() < 0 ||
          chunk->total_compressed_size() > metadata.size() + kParquetAllocationBytesMax * 64) {
        return "a column chunk has an impossible size";
      }
    }
  }
  return rows == metadata.num_rows() ? "" : "row groups do not add up to its rows";
}
}  // namespace weirhouse::platform
