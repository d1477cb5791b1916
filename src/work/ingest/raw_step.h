// Landing → raw: stores verbatim objects with their digests, and records them in the ledger.
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

// Files that wait, grouped into batches in running order. `unmatched` names files that fit no batch
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
// Lists the same after finishing what an earlier process left undone in landing folders that
// delete: removes files that were committed, and removes or puts back files that were moved aside.
// Only for the project's writer.
Result<Waiting> TidyLanding(Workspace& workspace);

// Stores the files of one batch as raw objects, with one commit for all sources. Arrivals seen
// before (same source, name and digest) are recorded as duplicates and change no table. A file that
// cannot be read, or not be removed afterwards, is reported in the summary and does not stop the
// others. Returns whether an object that was missing or damaged was restored.
enum class Take : std::uint8_t {
  kAll,
  kKnown,  // only repeats, which restore objects; new files go on waiting
};
Result<bool> LandBatch(Workspace& workspace, const WaitingBatch& batch, RunSummary& summary,
                       Take take = Take::kAll);
// As LandBatch, for a batch that comes another way. Each arrival is acknowledged after the commit.
Result<bool> StoreArrivals(Workspace& workspace, const std::string& batch, Arrivals& source,
                           RunSummary& summary, Take take = Take::kAll);
// Takes in all that landed, when a raw object is missing or damaged (landing::WantsItsFile): a
// landed file may restore it. Returns whether one was restored. Cost: reads every file that waits.
Result<bool> LandWaiting(Workspace& workspace, RunSummary& summary, Take take, Progress& progress);
}  // namespace weirhouse::work
