// Keys that are decided anew, from all rows there are of them: what a chain and late records share.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/transform/upsert/upsert.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// Adds the keys of `rows`; those with a null, which are in no table, are left out.
Status AddKeys(const arrow::Table& rows, const std::vector<std::string>& columns,
               iceberg::KeySet& keys);

// The rows of `rows` whose key is, or is not, among `keys`. Memory: they, and of the others a piece
// at a time.
Result<std::shared_ptr<arrow::Table>> RowsByKey(const std::shared_ptr<arrow::Table>& rows,
                                                const std::vector<std::string>& columns,
                                                const iceberg::KeySet& keys, bool among,
                                                const platform::Scratch& scratch = {});

// Versions of `keys` that the history of `definition` holds. Cost: the key columns of all of it are
// read, and whole rows of the files that have some.
Result<std::vector<transform::HistoryRow>> VersionsOf(
    Workspace& workspace, const transform::TransformDefinition& definition,
    const iceberg::KeySet& keys);
}  // namespace weirhouse::work
