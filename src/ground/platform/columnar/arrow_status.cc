#include "ground/platform/columnar/arrow_status.h"

#include <arrow/status.h>
#include <fmt/format.h>

namespace weirhouse::platform {

Status ArrowFailed(const arrow::Status& status) {
  return Status(status.IsOutOfMemory() ? Code::kUnavailable : Code::kInternal,
                fmt::format("arrow: {}", status.message()));
}
}  // namespace weirhouse::platform
