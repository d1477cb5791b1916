// Deletion vectors of format version 3 (Puffin spec, "deletion-vector-v1").
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// The row positions that a blob masks, sorted: length, magic, a 64-bit Roaring bitmap in its
// portable form, CRC-32. Errors: kCorruption (WH7061) for anything else, and for more positions
// than `file` says it has.
Result<std::vector<std::int64_t>> ParseDeletionVector(std::string_view blob, const DataFile& file);
}  // namespace weirhouse::iceberg
