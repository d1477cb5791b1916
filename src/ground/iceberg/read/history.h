// Rows of append-only tables by the commit that brought them.
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

// Rows of an append-only (history) table by the commit that brought them: `after` < commit ≤
// `up_to`. A row's commit is its `_commit_seq`, or where that is null its file's, through `seq_of`.
// The result has the scan's columns and "_commit_seq", filled in. Outlives the snapshots kept: any
// commit that is not undone can be asked for. Memory: the whole result.
struct HistoryOptions {
  CommitSeq after{0};
  CommitSeq up_to{std::numeric_limits<std::int64_t>::max()};
  ScanOptions scan;  // `columns` and `ranges` as in a scan
};
Result<std::shared_ptr<arrow::Table>> ReadHistory(platform::ObjectStore& store, TablePtr table,
                                                  const HistoryOptions& options,
                                                  const CommitSeqOf& seq_of);
}  // namespace weirhouse::iceberg
