// Where two tables of the same rows differ.
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

// Compares `columns` of both (a column that `stored` lacks is null there) as sets with repeats:
// the order of rows does not matter. Rows that the other side lacks are paired by `key`; the first
// `shown_max` pairs by key are kept. Memory: a digest for each row.
Result<TableDifference> CompareTables(const std::string& table,
                                      const std::shared_ptr<arrow::Table>& stored,
                                      const std::shared_ptr<arrow::Table>& rebuilt,
                                      const std::vector<std::string>& columns,
                                      const std::vector<std::string>& key, std::size_t shown_max);
// `columns` of `rows`, nulls of the type they have in `like` where it lacks one.
Result<std::shared_ptr<arrow::Table>> ShapedLike(const std::shared_ptr<arrow::Table>& rows,
                                                 const arrow::Table& like,
                                                 const std::vector<std::string>& columns);
}  // namespace weirhouse::work
