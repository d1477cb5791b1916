// Who wins, decided over sorted rows.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/index/key_index.h"
#include "rules/transform/upsert/upsert.h"
#include "rules/transform/upsert/version_index.h"

namespace weirhouse::transform {

// What stood before the batch: per key and per version group, in the order of the sorted rows.
// Shorter lists, as those of a full run, know nothing of the rest.
struct KnownRows {
  std::vector<std::optional<iceberg::KeyEntry>> current;
  std::vector<std::optional<Version>> best;
  VersionIndex* versions = nullptr;   // nullptr: nothing is known but `current`
  bool remembers_losers_only = true;  // false: an index of all versions is kept

  const std::optional<iceberg::KeyEntry>& CurrentOf(std::size_t key) const {
    static const std::optional<iceberg::KeyEntry> kNone;
    return key < current.size() ? current[key] : kNone;
  }
  const std::optional<Version>& BestOf(std::size_t group) const {
    static const std::optional<Version> kNone;
    return group < best.size() ? best[group] : kNone;
  }
};

struct Decision {
  std::vector<std::int64_t> current;  // rows that become current
  std::vector<std::int64_t> history;  // rows that are new versions
  std::vector<iceberg::RowPosition> deletes;
  VersionChanges versions;
  StateCounts states;
  std::vector<Loser> losers;
  // Rows that repeat a version whose record is younger: a chain brings records out of order, and
  // an object that is taken back from quarantine.
  std::vector<std::int64_t> older;
};

// `sorted` by (key, order, content, record).
Result<Decision> DecideByOrder(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
                               const KnownRows& known);
// `sorted` by (key, record).
Result<Decision> DecideByArrival(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
                                 const KnownRows& known);
}  // namespace weirhouse::transform
