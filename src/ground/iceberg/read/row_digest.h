// Digests of rows. Equal rows have equal digests, whatever the files, engines and order they came
// in.
#pragma once

#include <span>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// The digest of a table's declared (not hidden) columns: the SHA-256 of its row digests, sorted.
// Independent of files, splits, arrival order and engine. kInvalidInput (WH7055) for a column type
// without canonical bytes.
Result<Digest> ContentDigest(const arrow::Table& rows);
// The digest of each row over `columns` (indexes), of which content digests and tie-breaks are
// made. Computed column by column; call it once per table.
Result<std::vector<Digest>> RowDigests(const arrow::Table& rows, std::span<const int> columns);
// As RowDigests, over the declared columns in name order: KeyEntry::content and ContentDigest use
// these.
Result<std::vector<Digest>> DeclaredDigests(const arrow::Table& rows);
}  // namespace weirhouse::iceberg
