// Ids and times as types, so that two integers in a row cannot be swapped. Value types; threads:
// any. A parse error is kInvalidInput.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse {

template <typename Tag, typename Rep = std::int64_t>
class StrongId {
 public:
  constexpr StrongId() : value_(0) {}
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Rep value_;
};

using RunId = StrongId<struct RunIdTag>;            // shown r1104
using CommitSeq = StrongId<struct CommitSeqTag>;    // batch commit sequence; 0 = before the first
using ObjectId = StrongId<struct ObjectIdTag>;      // shown o7
using RecordId = StrongId<struct RecordIdTag>;      // `_record`: names a raw record, orders nothing
using SnapshotId = StrongId<struct SnapshotIdTag>;  // Iceberg's random positive id
using NodeId = StrongId<struct NodeIdTag>;          // lineage node

std::string ToString(RunId id);     // "r1104"
std::string ToString(ObjectId id);  // "o7"
Result<RunId> ParseRunId(std::string_view text);
Result<ObjectId> ParseObjectId(std::string_view text);
}  // namespace weirhouse
