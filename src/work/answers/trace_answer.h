// Where a thing came from, with what was hashed again on the way.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/status.h"
#include "work/lineage/lineage.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct TraceAnswer {
  lineage::TraceNode root;
  // False if the trace met bytes that have changed: that is a difference, not an error.
  bool intact() const { return root.AllIntact(); }
};
// `what` and errors as work::Trace.
Result<TraceAnswer> ReadTrace(work::Workspace& workspace, const std::string& what,
                              const lineage::TraceOptions& options);
// {"trace": {…}, "intact"}
nlohmann::json ToJson(const TraceAnswer& answer);
}  // namespace weirhouse::answers
