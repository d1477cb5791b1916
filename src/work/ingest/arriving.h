// Arrivals as the raw step reads them: measured, looked up in the catalog, and readable again until
// they are stored.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "work/ingest/arrival.h"
#include "work/ingest/raw_step.h"
#include "work/ingest/spooled_bytes.h"
#include "work/landing/stored_object.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

inline constexpr unsigned kRawMode = 0444;  // raw bytes never change
inline constexpr Reason kChangedError{"WH1314"};
inline constexpr std::string_view kChangedWhy =
    "it changed while it was read, or is being written: nothing of it was stored, and the next run "
    "reads it again";

struct Arriving {
  Arrival arrival;
  const Source* source = nullptr;
  std::optional<std::string> bytes;     // absent: they are read again …
  std::shared_ptr<SpooledBytes> spool;  // … from this spool, if the source gives them once
  Digest digest;
  std::int64_t size_bytes = 0;
  // Of its records, or why they cannot be counted.
  Result<std::int64_t> count = std::int64_t{0};
  std::int64_t record_count = 0;
  bool duplicate = false;
  bool changed = false;  // its file was seen to be another one than was measured
  std::string problem;   // why the object as a whole cannot be read
  // Where its object lies, if that was missing or damaged and was restored from these bytes; and
  // how it was.
  std::string restored;
  landing::ObjectState found = landing::ObjectState::kWhole;
};
// Source, name and digest.
std::tuple<std::string, std::string, Digest> IdentityOf(const Arriving& arriving);

// Reads and measures all arrivals that are to be taken in, and restores the objects of known ones if
// they are missing or damaged. An arrival that changed while it was read (the next run reads it
// again) or cannot be read is left out, and the summary reports it. Cost: one query of the catalog
// for many arrivals. Memory: about a kilobyte for each, and up to 64 MiB of their bytes.
Result<std::vector<Arriving>> ReadArrivals(Workspace& workspace, Arrivals& source,
                                           RunSummary& summary, Take take);

// Opens the measured bytes again. kConflict (WH1314), and `changed` is set, if they have changed;
// reading gives the same error. `arriving` must outlive the stream.
Result<std::unique_ptr<ByteStream>> OpenAgain(Arriving& arriving);

// Restores the object `known`, which should hold the bytes of this arrival, if it is missing or
// damaged. The bytes on the disk are replaced only once all new ones have arrived. kConflict
// (WH1314) if the file changed.
Status Restore(Workspace& workspace, Arriving& arriving, const catalog::ObjectRecord& known);
}  // namespace weirhouse::work
