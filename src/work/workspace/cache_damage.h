// Damage of the caches in `kv`: tells it from other failures, notes it for the next writer, and
// repairs it by rebuilding the caches from the tables.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "work/workspace/project_applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Whether `status` reports a damaged cache.
bool IsCacheDamage(const Status& status);

// Notes damage that a reader met: the next Workspace::Open for writing empties the caches. The note
// is a file beside them, so that it survives the process.
Status NoteCacheDamage(const std::string& state_folder, const Status& damage);
// Removes the note: the cache was not damaged, but another process had replaced what was read.
void ForgetCacheDamage(const std::string& state_folder);
// The noted damage; empty if there is none.
std::string NotedCacheDamage(const std::string& state_folder);

// Called where damaged caches were emptied: keeps a line for people, for whoever asks first.
void NoteMended(const std::string& state_folder, const std::string& why);
// That line, once; empty if nothing was repaired.
std::string TakeMendedLine(const std::string& state_folder);

// Why a reader found no cache (WH7027); OK if there is one, or if it would be empty.
Status CheckHasCache(Workspace& workspace);

// Opens the project for writing, as it was last applied, which empties the caches and fills them
// from the tables; then closes it. Cost: reads the tables that the caches are made from.
//   kUnavailable  another process writes to the project (WH8001)
Status MendCaches(const ProjectFiles& files, const Status& damage);
}  // namespace weirhouse::work
