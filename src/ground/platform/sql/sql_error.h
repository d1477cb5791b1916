// DuckDB's errors as statuses.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {

// The status of a DuckDB error. `error` is DuckDB's text, which embeds JSON if `errors_as_json` is
// set: its kind decides the code, its position becomes span.column.
Status DuckErrorToStatus(std::string_view error, std::string_view sql);
// The status for SQL that the engine parsed but returned no syntax tree for.
Status NoSyntaxTree(std::string_view sql);
}  // namespace weirhouse::platform
