// Doubles in one form, so that no result shows which of two equal values came first. SQL groups,
// compares and joins -0.0 with 0.0 and every NaN with every other; which of them it then returns
// would depend on the order of rows.
#pragma once

#include <cstdint>
#include <memory>

#include "ground/base/status.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

enum class ZeroSign : std::uint8_t {
  kKept,     // one row in, one row out: the sign is part of the value
  kDropped,  // several rows may become one: -0.0 is 0.0
};

// `rows` with a single NaN (00 00 00 00 00 00 F8 7F, little-endian; the NaN of inf - inf differs
// between machines) and, with kDropped, a single zero, in columns of FLOAT and DOUBLE. Columns
// without them are shared, not copied.
Result<std::shared_ptr<arrow::Table>> CanonicalNumbers(const std::shared_ptr<arrow::Table>& rows,
                                                       ZeroSign zero);
}  // namespace weirhouse::transform
