// Applies updates (update.h), other engines' and our own, to a table's metadata. Pure, except
// StageMetadata.
//
// Source: Iceberg REST catalog specification, CommitTableRequest.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/update/update.h"
#include "ground/iceberg/write/stage.h"

namespace weirhouse::iceberg {

// Checks every requirement against `current` (nullptr: the table does not exist).
//   kConflict      a requirement does not hold (WH7066), with both values: nothing is written,
//   retry is safe
Status CheckRequirements(const TableMetadata* current, std::span<const Requirement> requirements);

struct UpdatedMetadata {
  TableMetadata metadata;                   // `metadata_location` is still the base's
  std::vector<SnapshotId> added_snapshots;  // in the order of the request
  std::vector<std::string> moved_refs;      // set or removed
  bool changed = false;                     // false: nothing needs to be written
};
// Applies `updates` in order to a copy of `base` (nullptr: a table that is being created; its
// updates set uuid, location, schema, spec and the rest). Expires snapshots beyond kSnapshotsKept,
// as any commit does.
//   kInvalidInput  contradictory (WH7067), naming the update and its place
//   kConflict      a stale sequence number or a snapshot id in use (WH7066): refresh and retry
//   kInvalidInput  unsupported (WH7068): encryption keys, upgrade beyond version 3
Result<UpdatedMetadata> ApplyUpdates(const TableMetadata* base, const std::string& name,
                                     std::span<const Update> updates, ProcessTime now);

// The metadata of a new table. Field ids are assigned anew in order, and the spec and sort order
// are renumbered with them. `wanted` states the location. Format version 2 unless the property
// "format-version" says 1 or 3.
//   kInvalidInput  contradictory (WH7067), or unsupported (WH7068)
Result<TableMetadata> MakeTableMetadata(const WantedTable& wanted, const std::string& name,
                                        Random& random, ProcessTime now);

// Writes `next` as the metadata.json that follows `base` (nullptr: the first) and creates the
// folders `data/` and `metadata/`. The result's `snapshots` are those that refs moved to; `files`
// holds the metadata file alone: the caller records the client's files.
Result<StagedTable> StageMetadata(platform::ObjectStore& store, const TablePtr& base,
                                  Random& random, UpdatedMetadata next, ProcessTime now);
}  // namespace weirhouse::iceberg
