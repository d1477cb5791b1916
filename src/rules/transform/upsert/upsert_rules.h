// Decides over sorted rows which version wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/index/key_index.h"
#include "rules/transform/upsert/upsert.h"
#include "rules/transform/upsert/version_index.h"

namespace weirhouse::transform {

// What was stored before the batch: for each key and each version group, in the order of the sorted
// rows. Of a full run nothing is known.
struct KnownRows {
  iceberg::SparseList<iceberg::KeyEntry> current;
  iceberg::SparseList<Version> best;
  VersionIndex* versions = nullptr;   // nullptr: only `current` is known
  bool remembers_losers_only = true;  // false: an index of all versions is kept
};

struct Decision {
  std::vector<std::int64_t> current;  // rows that become current
  std::vector<std::int64_t> history;  // rows that are new versions
  std::vector<iceberg::RowPosition> deletes;
  VersionChanges versions;
  StateCounts states;
  std::vector<Loser> losers;
  // Rows that repeat a version whose record is newer: a chain brings records out of order, and so
  // does an object that is taken back from quarantine.
  std::vector<std::string> older;  // by their keys
};

// `facts` sorted by (key, order, content, record); `rows` are the indexes of their rows.
Result<Decision> DecideByOrder(const RowFacts& facts, const std::vector<std::int64_t>& rows,
                               const KnownRows& known);
// `facts` sorted by (key, record).
Result<Decision> DecideByArrival(const RowFacts& facts, const std::vector<std::int64_t>& rows,
                                 const KnownRows& known);
}  // namespace weirhouse::transform
