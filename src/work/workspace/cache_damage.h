// Damage of the caches in `kv`: told from other failures, noted for the next who may write, mended
// by making them anew from the tables.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "work/workspace/project_applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Whether `status` tells of a damaged cache.
bool IsCacheDamage(const Status& status);

// Notes damage that a read came upon: the next Workspace::Open for writing empties the caches. A
// file beside them, so that nothing is forgotten if the process ends in between.
Status NoteCacheDamage(const std::string& state_folder, const Status& damage);
// The damage is not one: another process had replaced what was read.
void ForgetCacheDamage(const std::string& state_folder);
// What was noted; empty if nothing.
std::string NotedCacheDamage(const std::string& state_folder);

// Called where damaged caches were emptied: what people are told, by whoever asks first.
void NoteMended(const std::string& state_folder, const std::string& why);
// One line for people, once; empty if nothing was mended.
std::string TakeMendedLine(const std::string& state_folder);

// Why a reader found no cache (WH7027); OK if there is one, or nothing that it could hold.
Status WhyNoCache(Workspace& workspace);

// Opens the project for writing, as it was applied last, has the caches emptied and filled from the
// tables, and closes it.
//   kUnavailable  another process writes to the project (WH8001)
Status MendCaches(const ProjectFiles& files, const Status& damage);
}  // namespace weirhouse::work
