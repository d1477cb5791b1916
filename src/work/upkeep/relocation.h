// A project whose folder was moved, or copied, made at home in its new place.
//
// Two kinds of files and rows name absolute places. What other engines read, the metadata of the
// tables as they stand with all snapshots they have, is written anew for the new place. What is
// history, the rows of the catalog that the hash chain covers and the metadata files of earlier
// commits, stays as it was written: the catalog keeps the former places, and the store of an open
// project finds there named what lies here (platform::MovedStore).
#pragma once

#include <cstdint>
#include <string>

#include "ground/base/status.h"
#include "work/workspace/project_applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct RelocationReport {
  bool moved = false;  // false: it is where its catalog says, and nothing was done
  std::string from;    // the lake's former place …
  std::string to;      // … and its present one
  std::int64_t tables = 0;
  std::int64_t files_written = 0;  // of metadata and position deletes
  std::int64_t landed_known = 0;   // files in landing folders that were seen before the move
  CommitSeq seq;
};

// One commit moves all tables and the project's place; a process that ends before it leaves files
// that no commit names, and one that ends after it caches that the next writer fills. It is undone
// by moving the folder back and relocating again. Cost: reads and writes the metadata of all
// snapshots of all tables; hashes landed files that were copied.
//   kUnavailable   WH8001: another process has the project
//   kInvalidInput  WH8003: the new place lies in the former one, or has no lake; or the catalog is
//                  on a server and the former place still has one, so this is a copy
Result<RelocationReport> Relocate(const ProjectFiles& files, const Environment& environment = {});
}  // namespace weirhouse::work
