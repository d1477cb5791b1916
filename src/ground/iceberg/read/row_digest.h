// Digests of rows: the same for equal rows, whatever files, engines and orders they came through.
#pragma once

#include <span>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// The order-free digest of a table's declared (not hidden) columns: rows as canonical bytes,
// sorted. Equal rows give equal digests whatever the files, splits, arrival order or engine.
Result<Digest> ContentDigest(const arrow::Table& rows);
// The canonical bytes of one row over `columns` (indexes): what content digests and tie-breaks are
// made of. Built column by column; call once per table.
Result<std::vector<Digest>> RowDigests(const arrow::Table& rows, std::span<const int> columns);
// The same over the declared columns in name order: what KeyEntry::content and ContentDigest hold.
Result<std::vector<Digest>> DeclaredDigests(const arrow::Table& rows);
}  // namespace weirhouse::iceberg
