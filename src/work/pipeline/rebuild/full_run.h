// All processed tables computed anew from raw, and all feature tables from them.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "ground/base/status.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct FullRunOptions {
  // By which contracts objects are read (contract_reading.h); null: as it is registered.
  const nlohmann::json* read_by = nullptr;
  std::int64_t generation = 0;  // of what is applied, if `also` applies it
  // What the commit of the tables does as well.
  std::function<Status(Publication&)> also{};
};
// Rebuilds all processed and feature tables from raw with today's definitions; same content digests
// as the increments.
Result<RunSummary> RunFull(Workspace& workspace, Progress& progress);

// Computes the tables as `wh apply` would, and lets go of them: what it would refuse is refused.
// Memory and time: those of the rebuild, but for what it writes.
Status RehearseRebuild(Workspace& workspace, Progress& progress, const nlohmann::json& read_by);

// One commit for all processed tables, then one for all feature tables; a crash in between begins
// again.
Result<RunSummary> RebuildAll(Workspace& workspace, Progress& progress,
                              const FullRunOptions& options);
}  // namespace weirhouse::work
