// Rebuilds all processed tables from raw, and all feature tables from them.
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
  // The contract versions to read objects by (contract_reading.h); null: as registered.
  const nlohmann::json* read_by = nullptr;
  std::int64_t generation = 0;  // of the applied definitions, if `also` applies them
  // What the commit of the tables does in addition.
  std::function<Status(Publication&)> also{};
};
// Rebuilds all processed and feature tables from raw with today's definitions; the content digests
// are those of the increments.
Result<RunSummary> RunFull(Workspace& workspace, Progress& progress);

// Computes the tables as `wh apply` would and drops them, to find what it would refuse. Memory and
// time: those of the rebuild without its writes.
Status RehearseRebuild(Workspace& workspace, Progress& progress, const nlohmann::json& read_by);

// One commit for all processed tables, then one for all feature tables; after a crash in between
// the rebuild begins again.
Result<RunSummary> RebuildAll(Workspace& workspace, Progress& progress,
                              const FullRunOptions& options);
}  // namespace weirhouse::work
