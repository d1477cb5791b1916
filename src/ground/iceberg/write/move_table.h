// Rewrites the metadata of a table whose folder was moved, with its present locations.
//
// Iceberg's files name each other by absolute locations: metadata.json names the manifest lists,
// those the manifests, those the data and delete files, and position deletes (rows of Parquet,
// footers of Puffin files) the data files that they apply to. Other engines read nothing else, so
// all of these files are written again, under new names, for every snapshot of the table; data
// files contain no locations and stay. This is Apache Iceberg's RewriteTablePath action, without
// copying data. Snapshots keep their ids, sequence numbers and times. Avro files keep their
// writer's schema and all other content (avro_edit.h).
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

// Canonical folders: the former ones, in which the files were written, and the present one.
struct TableMove {
  std::vector<std::string> former;
  std::string present;
};

// `store` must resolve former locations (platform::MovedStore). Nothing is staged if no location
// changes. Cost: reads and writes all metadata and position deletes of all snapshots. Errors: those
// of reading.
Result<StagedTable> StageMove(platform::ObjectStore& store, const TablePtr& base, Random& random,
                              const TableMove& move, ProcessTime now);

// `value` with every string in it that is a location in a former folder replaced by the present
// location.
nlohmann::json MoveJsonLocations(nlohmann::json value, const TableMove& move);
// A Puffin file with the data files in its footer replaced by their present locations. Everything
// before the footer keeps its position, so references to it stay valid. A footer that cannot be
// read (it may be compressed) is left as it is: manifests name the data files too.
std::string MovePuffinFile(std::string_view bytes, const TableMove& move);
}  // namespace weirhouse::iceberg
