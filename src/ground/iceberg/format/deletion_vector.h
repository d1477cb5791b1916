// Deletion vectors of format version 3 (Apache Iceberg Puffin spec, "deletion-vector-v1").
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// Parses the deleted row positions of a blob, sorted. A blob has a length, a magic number, a 64-bit
// Roaring bitmap in its portable form, and a CRC-32. Errors: kCorruption (WH7061) if it is
// malformed or has more positions than `file` states.
Result<std::vector<std::int64_t>> ParseDeletionVector(std::string_view blob, const DataFile& file);
}  // namespace weirhouse::iceberg
