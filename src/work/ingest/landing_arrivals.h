// Files of landing folders as arrivals: the driver behind `landing:` of a source.
#pragma once

#include "work/ingest/arrival.h"
#include "work/ingest/raw_step.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Reads exactly the file that was listed, or takes nothing of it. Acknowledging removes the file if
// its source deletes and its object was found whole.
class LandingArrivals final : public Arrivals {
 public:
  // `workspace` and `batch` must outlive it.
  LandingArrivals(Workspace& workspace, const WaitingBatch& batch)
      : workspace_(workspace), batch_(batch) {}
  Result<std::optional<Arrival>> Next() override;
  void Acknowledge(const Arrival& arrival, const Digest& digest,
                   std::map<std::string, std::string>& untaken) override;

 private:
  Workspace& workspace_;
  const WaitingBatch& batch_;
  std::size_t next_ = 0;
};

// Changes whenever the file may have.
std::string VersionOfFile(const landing::LandedFile& file);
}  // namespace weirhouse::work
