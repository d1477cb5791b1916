// Parses the requirements of REST clients into values (update.h). Pure; threads: any.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/update/update.h"

namespace weirhouse::iceberg {

// The array "requirements" of a CommitTableRequest.
//   kInvalidInput  unknown or malformed (WH7067), naming the requirement and its place
Result<std::vector<Requirement>> ParseRequirements(const nlohmann::json& requirements);
}  // namespace weirhouse::iceberg
