// Landing → raw: verbatim objects, digested, in the ledger. Private to engine/.
#pragma once

#include <optional>
#include <span>

#include "base/status.h"
#include "engine/pipeline.h"
#include "engine/workspace.h"
#include "raw/landing.h"

namespace weirhouse::engine {

// Files that wait, grouped into batches in running order. `unmatched` names what fits no batch
// pattern.
struct WaitingBatch {
  std::string name;
  std::vector<raw::LandedFile> files;
};
struct Waiting {
  std::vector<WaitingBatch> batches;
  std::vector<std::string> acknowledged;  // committed already, to be removed (`after: delete`)
  std::vector<std::string> unmatched;
  std::int64_t files = 0;
};
Result<Waiting> ListWaiting(Workspace& workspace);

// Stores the files of one batch as raw objects and commits them: one commit for all sources.
// Arrivals seen before (same source, name and digest) are recorded as duplicates and change no
// table.
Status LandBatch(Workspace& workspace, const WaitingBatch& batch, RunSummary& summary);
}  // namespace weirhouse::engine
