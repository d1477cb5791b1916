// The last entry of system.losers for each record of one table, found by record, so that a batch
// which decides some records again need not read the whole log.
//
// A cache like VersionIndex: it stores the snapshot of system.losers that it has reached, catches
// up if rows were only added since, and is rebuilt otherwise.
//
// Keys in the store, all beginning with "losers/" TABLE 0x00 (ids are 8 bytes, little-endian):
//   's'          → snapshot id
//   'r' RECORD   → run, winner, state (1 byte: RecordState)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/object_store.h"
#include "ground/platform/kv/kv.h"
#include "rules/transform/upsert/loser_table.h"

namespace weirhouse::transform {

// Has no state in memory, so it is made where it is needed. Threads: one writer.
class LoserIndex {
 public:
  LoserIndex(platform::KvStore& store, std::string_view table_name);

  // Updates the index to the main snapshot of `losers`, the table system.losers (null: there is
  // none). Cost: reads the files added since, one at a time.
  Status Refresh(platform::ObjectStore& store, const iceberg::TablePtr& losers);
  // The present losers among `records`, without versions, and with the winner of the time of
  // writing. Cost: a point read for each.
  Result<std::vector<StoredLoser>> Find(const std::vector<RecordId>& records);

 private:
  Status Read(platform::ObjectStore& store, const iceberg::TablePtr& losers,
              std::optional<std::int64_t> after_sequence_number);
  Status Note(const std::vector<StoredLoser>& log);
  Status StandAt(SnapshotId snapshot);
  std::string KeyOf(RecordId record) const;

  platform::KvStore& store_;
  std::string table_name_;
  std::string prefix_;
};
}  // namespace weirhouse::transform
