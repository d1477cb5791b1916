// A table whose folder was moved: its metadata written anew, with the locations of today.
//
// Iceberg's files name each other by absolute locations: metadata.json the manifest lists, those the
// manifests, those the data and delete files, and position deletes (rows of Parquet, the footers of
// Puffin files) the data files that they delete from. Other engines read nothing else, so all of
// them are written anew, under new names, for every snapshot that the table has; data files hold no
// location and stay. It is what Iceberg's RewriteTablePath action does, without copying data.
// Snapshots keep their ids, sequence numbers and times. Avro files keep their writer's schema and
// whatever else is in them (avro_edit.h).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

// Canonical folders: where the files were when they were written, and where they are.
struct TableMove {
  std::vector<std::string> former;
  std::string present;
};

// `store` finds what is named by former locations (platform::MovedStore). Nothing is staged where no
// location changes. Cost: reads and writes all metadata, and the position deletes, of all
// snapshots. Errors: those of reading.
Result<StagedTable> StageMove(platform::ObjectStore& store, const TablePtr& base, Random& random,
                              const TableMove& move, ProcessTime now);

// `value` with every text in it that is a location in a former folder moved.
nlohmann::json MovedJson(nlohmann::json value, const TableMove& move);
// A Puffin file whose footer names the data files of its deletion vectors by their present places.
// What stands before the footer stays where it is, so that what points at it fits. A footer that
// cannot be read (it may be compressed) stays as it is: manifests name the data files too.
std::string MovedPuffin(std::string_view bytes, const TableMove& move);
}  // namespace weirhouse::iceberg
