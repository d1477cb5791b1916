// Files of landing folders as arrivals: the driver behind `landing:` of a source.
#pragma once

#include "work/ingest/arrival.h"
#include "work/ingest/raw_step.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// A file that is read is the one that was listed, or nothing is taken of it. An acknowledged file is
// removed if its source deletes, once its object was found whole.
class LandingArrivals final : public Arrivals {
 public:
  // Both must outlive it.
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
