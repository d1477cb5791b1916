// What lies in the landing folders, and what of it may go.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "work/landing/landing.h"
#include "work/landing/stored_object.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Where a source's files land, as the raw folder looks at it.
landing::LandingRule RuleOf(Workspace& workspace, const Source& source);

// Whether the bytes of a landed file are in the lake, as the catalog and the disk have them when it
// is called. Holds references.
std::function<Result<bool>()> IsInLake(Workspace& workspace, const landing::LandedFile& file,
                                       const Digest& digest, landing::Depth depth);
// Removes a landed file whose bytes `is_stored` finds in the lake; false: they are not there. What
// went wrong is told in `untaken`, and tried again the next time.
bool RemoveStored(const landing::LandingRule& rule, const landing::LandedFile& file,
                  const Digest& digest, std::map<std::string, std::string>& untaken,
                  const std::function<Result<bool>()>& is_stored);
}  // namespace weirhouse::work
