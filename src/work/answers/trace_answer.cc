#include "work/answers/trace_answer.h"

#include <nlohmann/json.hpp>

#include "work/lineage/tracing.h"

namespace weirhouse::answers {

Result<TraceAnswer> ReadTrace(work::Workspace& workspace, const std::string& what,
                              const lineage::TraceOptions& options) {
  TraceAnswer answer;
  WEIRHOUSE_TRY(answer.root, work::Trace(workspace, what, options));
  return answer;
}

nlohmann::json ToJson(const TraceAnswer& answer) {
  return {{"trace", lineage::ToJson(answer.root)}, {"intact", answer.intact()}};
}
}  // namespace weirhouse::answers
