// How an index in the cache names rows, and the snapshot that it has reached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/id.h"
#include "ground/iceberg/table.h"

namespace weirhouse::transform {

inline constexpr std::size_t kIdBytes = 8;
// Little-endian.
std::string BytesOfId(std::int64_t id);
// `bytes` has at least kIdBytes; the first of them are read.
std::int64_t IdOfBytes(std::string_view bytes);

// The sequence number of `from` if rows were only added or rewritten unchanged between it and main:
// then an index at `from` needs to read only later files. Absent if that is uncertain.
std::optional<std::int64_t> OnlyAddedSince(const iceberg::TableMetadata& table, SnapshotId from);
}  // namespace weirhouse::transform
