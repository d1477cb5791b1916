// What checks with a history share.
#pragma once

#include "ground/base/status.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/history/history.h"

namespace weirhouse::gate {

// kInternal if the profile of a run in the window was not loaded.
Status NeedProfiles(const WindowRuns& window);
// Whether the check can be judged; else fills in warming or not_evaluated, with the reason.
bool IsReady(const Check& check, const WindowRuns& window, const Window& shape, Finding& finding);
}  // namespace weirhouse::gate
