// Reads rows of append-only tables by the commit that added them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/scan.h"
#include "ground/platform/io/object_store.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// The catalog's commit sequence of a table's Iceberg sequence number (catalog::Catalog::SeqOf).
using CommitSeqOf = std::function<Result<CommitSeq>(std::int64_t sequence_number)>;

// Reads the rows of an append-only (history) table with `after` < commit ≤ `up_to`. A row's commit
// is its `_commit_seq`, or, if that is null, its file's, found through `seq_of`. The result has the
// scan's columns and "_commit_seq", filled in. Works for any commit that is not undone, also beyond
// the kept snapshots. Memory: the whole result.
struct HistoryOptions {
  CommitSeq after{0};
  CommitSeq up_to{std::numeric_limits<std::int64_t>::max()};
  ScanOptions scan;  // `columns` and `ranges` as in a scan
};
Result<std::shared_ptr<arrow::Table>> ReadHistory(platform::ObjectStore& store, TablePtr table,
                                                  const HistoryOptions& options,
                                                  const CommitSeqOf& seq_of);
}  // namespace weirhouse::iceberg
