// Merges position deletes that have become many small files. Each upsert adds one, and it stays as
// long as any data file that it names: after a year most of its entries are of files that are gone,
// and every reader opens them all.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

// This many in one partition are merged into one file with the entries that still apply.
inline constexpr int kDeleteFilesMergeAt = 64;

// The length up to which files of a kind are merged, once there are `merge_at` of them. New files
// are many and short; the result of an earlier merge waits until the others have grown to a fair
// part of it, so an entry is rewritten a few times in its life and not at every merge. The fair
// part is a quarter, or all of it where rewriting an entry is expensive.
std::int64_t MergeUpTo(std::vector<std::int64_t> lengths, int merge_at, std::int64_t fair_part = 4);

// Paths of the position-delete files of `table`'s main to be merged into one per partition; empty
// if there are few. Cost: reads the delete manifests.
Result<std::set<std::string, std::less<>>> DeletesToMerge(platform::ObjectStore& store,
                                                          const TableMetadata& table);
}  // namespace weirhouse::iceberg
