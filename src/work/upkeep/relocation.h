// Relocates a project whose folder was moved or copied.
//
// Two kinds of files and rows hold absolute paths. The metadata of current tables, with all of
// their snapshots, is what other engines read: it is rewritten for the new place. History stays as
// it was written: rows of the catalog that the hash chain covers, and metadata files of earlier
// commits. The catalog keeps the former places, and the store of an open project maps paths in them
// to the present place (platform::MovedStore).
#pragma once

#include <cstdint>
#include <string>

#include "ground/base/status.h"
#include "work/workspace/project_applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct RelocationReport {
  bool moved = false;  // false: it is where its catalog says, so nothing was done
  std::string from;    // the lake's former place …
  std::string to;      // … and its present one
  std::int64_t tables = 0;
  std::int64_t files_written = 0;  // files of metadata and position deletes
  std::int64_t landed_known = 0;   // files in landing folders that were seen before the move
  CommitSeq seq;
};

// Moves all tables and the project's place in one commit. A process that ends before it leaves
// files that no commit names; one that ends after it leaves caches that the next writer fills. To
// undo it, move the folder back and relocate again. Cost: reads and writes the metadata of all
// snapshots of all tables; hashes landed files that were copied.
//   kUnavailable   WH8001: another process writes to the project
//   kInvalidInput  WH8003: the new place lies in the former one, or has no lake; or the catalog is
//                  on a server and the former place still has a lake, so this is a copy
Result<RelocationReport> Relocate(const ProjectFiles& files, const Environment& environment = {});
}  // namespace weirhouse::work
