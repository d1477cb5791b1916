// Errors of Arrow as ours. Threads: any.
#pragma once

#include "ground/base/status.h"

namespace arrow {
class Status;
}  // namespace arrow

namespace weirhouse::platform {

// kUnavailable if memory ran out, else kInternal.
Status ArrowFailed(const arrow::Status& status);
}  // namespace weirhouse::platform
