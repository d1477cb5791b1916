// How a table's metadata changes by updates (update.h), other engines' and our own. Pure, but for
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

// Whether every requirement holds of `current` (nullptr: there is no such table).
//   kConflict      one does not (WH7066), with both values: nothing is written, retry is safe
Status CheckRequirements(const TableMetadata* current, std::span<const Requirement> requirements);

struct UpdatedMetadata {
  TableMetadata metadata;                   // `metadata_location` is still the base's
  std::vector<SnapshotId> added_snapshots;  // in the order of the request
  std::vector<std::string> moved_refs;      // set or removed
  bool changed = false;                     // false: nothing needs to be written
};
// Applies `updates` in order to a copy of `base` (nullptr: a table that is being created, whose
// updates bring uuid, location, schema, spec and all). Expires snapshots beyond kSnapshotsKept like
// any commit.
//   kInvalidInput  contradictory (WH7067), naming the update and its place
//   kConflict      a stale sequence number or a snapshot id in use (WH7066): refresh and retry
//   kInvalidInput  what the design excludes (WH7068): encryption keys, upgrade beyond version 3
Result<UpdatedMetadata> ApplyUpdates(const TableMetadata* base, const std::string& name,
                                     std::span<const Update> updates, ProcessTime now);

// The metadata of a new table. Field ids are assigned anew in order, those of spec and order follow.
// `wanted` says where it lies. Version 2 unless the property "format-version" says 1 or 3.
//   kInvalidInput  contradictory (WH7067), or what the design excludes (WH7068)
Result<TableMetadata> MetadataOf(const WantedTable& wanted, const std::string& name, Random& random,
                                 ProcessTime now);

// Writes `next` as the metadata.json that follows `base` (nullptr: the first) and makes `data/` and
// `metadata/`. The answer's `snapshots` are those that refs moved to; `files` holds the metadata
// file alone: what the client wrote is the caller's to record.
Result<StagedTable> StageMetadata(platform::ObjectStore& store, const TablePtr& base,
                                  Random& random, UpdatedMetadata next, ProcessTime now);
}  // namespace weirhouse::iceberg
