// Landing → raw: verbatim objects, digested, in the ledger.
#pragma once

#include <map>
#include <optional>
#include <span>

#include "ground/base/status.h"
#include "work/ingest/arrival.h"
#include "work/landing/landing.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Files that wait, grouped into batches in running order. `unmatched` names what fits no batch
// pattern.
struct WaitingBatch {
  std::string name;
  std::vector<landing::LandedFile> files;
};
struct Waiting {
  std::vector<WaitingBatch> batches;
  std::vector<std::string> unmatched;
  std::map<std::string, std::string> untaken;  // path → why; see landing::Landing::untaken
  std::int64_t files = 0;
  std::int64_t being_written = 0;
};
Result<Waiting> ListWaiting(Workspace& workspace);
// The same, after what an earlier life left undone in landing folders that delete: files that were
// committed are removed, files that were moved aside are removed or put back. For the one writer.
Result<Waiting> TidyLanding(Workspace& workspace);

// Stores the files of one batch as raw objects and commits them: one commit for all sources.
// Arrivals seen before (same source, name and digest) are recorded as duplicates and change no
// table. A file that cannot be read, or not be removed afterwards, is told in the summary and holds
// up none of the others. The answer: whether an object that was missing or damaged was restored.
enum class Take : std::uint8_t {
  kAll,
  kKnown,  // repeats alone, which restore; what is new waits on
};
Result<bool> LandBatch(Workspace& workspace, const WaitingBatch& batch, RunSummary& summary,
                       Take take = Take::kAll);
// The same of a batch that comes another way. Each arrival is acknowledged after the commit.
Result<bool> StoreArrivals(Workspace& workspace, const std::string& batch, Arrivals& source,
                           RunSummary& summary, Take take = Take::kAll);
// All that landed. For when a raw object is in the way (landing::WantsItsFile): a file among it may
// restore that. The answer as above. Cost: reads every file that waits.
Result<bool> LandWaiting(Workspace& workspace, RunSummary& summary, Take take, Progress& progress);
}  // namespace weirhouse::work
