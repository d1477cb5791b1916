// Lists the landing folders, and removes files that are stored.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "work/ingest/raw_step.h"
#include "work/landing/landing.h"
#include "work/landing/landing_looks.h"
#include "work/landing/stored_object.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The rule by which the raw step reads a source's landing folder.
landing::LandingRule MakeLandingRule(Workspace& workspace, const Source& source);

// As TidyLanding of raw_step.h, for what a look sees that costs no more than what is new.
Result<Waiting> TidyLanding(Workspace& workspace, landing::LandingLooks& looks);

// A function that tells whether the bytes of a landed file are in the lake, according to the
// catalog and the disk at the time of the call. It holds references to the arguments.
std::function<Result<bool>()> IsInLake(Workspace& workspace, const landing::LandedFile& file,
                                       const Digest& digest, landing::Depth depth);
// Removes a landed file if `is_stored` finds its bytes in the lake; false if they are not there. A
// failure is added to `untaken`, and the next run tries again.
bool RemoveStored(const landing::LandingRule& rule, const landing::LandedFile& file,
                  const Digest& digest, std::map<std::string, std::string>& untaken,
                  const std::function<Result<bool>()>& is_stored);
}  // namespace weirhouse::work
