// Compares two tables that should hold the same rows.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/lineage/rebuild_check.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// Compares `columns` of both (null for a column that `stored` lacks) as multisets: the order of
// rows does not matter. Rows without an equal on the other side are paired by `key`; keeps the
// first `shown_max` pairs by key. Memory: a digest for each row.
Result<TableDifference> CompareTables(const std::string& table,
                                      const std::shared_ptr<arrow::Table>& stored,
                                      const std::shared_ptr<arrow::Table>& rebuilt,
                                      const std::vector<std::string>& columns,
                                      const std::vector<std::string>& key, std::size_t shown_max);
// `columns` of `rows`; a missing column is null, of the type it has in `like`.
Result<std::shared_ptr<arrow::Table>> ShapedLike(const std::shared_ptr<arrow::Table>& rows,
                                                 const arrow::Table& like,
                                                 const std::vector<std::string>& columns);
}  // namespace weirhouse::work
