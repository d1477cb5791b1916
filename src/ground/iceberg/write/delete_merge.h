// Position deletes that have become many small files. Each upsert brings one, and it stays for as
// long as any data file that it names: after a year most of what they say is of files that are
// gone, and every reader opens them all.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

// So many in one partition are made one: what of them still stands.
inline constexpr int kDeleteFilesMergeAt = 64;

// The length up to which pieces of a kind are merged, once there are enough of them. The newest are
// many and short; what earlier merges made waits until the rest has grown to a fair part of it, so
// that an entry is rewritten a few times in its life and not at every merge: to a quarter of it, or
// to all of it where entries are dear to rewrite.
std::int64_t MergeUpTo(std::vector<std::int64_t> lengths, int merge_at, std::int64_t fair_part = 4);

// Paths of the position-delete files of `table`'s main that are to be made one for each partition;
// empty if there are few. Cost: reads the manifests of deletes.
Result<std::set<std::string, std::less<>>> DeletesToMerge(platform::ObjectStore& store,
                                                          const TableMetadata& table);
}  // namespace weirhouse::iceberg
