// What a Parquet file may ask for, before it is believed. Internal to the folder.
#pragma once

#include <arrow/memory_pool.h>
#include <parquet/metadata.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace weirhouse::platform {

// A page header of a few bytes can ask for gigabytes (apache/arrow #49955); no column of a row
// group that we or others write comes near this.
inline constexpr std::int64_t kParquetAllocationBytesMax = std::int64_t{1} << 30;

// In the message of an allocation that the pool refused; else memory ran out.
inline constexpr std::string_view kOverLimit = "exceeds the limit";

// The default pool, without allocations larger than any valid file needs. Never destroyed, because
// buffers point back at it. Threads: any.
arrow::MemoryPool* ParquetPool();

// Why the counts of a footer, by which buffers are sized, contradict each other; empty if they do
// not.
std::string FaultOfCounts(const parquet::FileMetaData& metadata);
}  // namespace weirhouse::platform
