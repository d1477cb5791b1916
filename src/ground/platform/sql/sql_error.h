// DuckDB's errors as statuses.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {

// `error` is DuckDB's text, in which it embeds JSON where `errors_as_json` is set: the kind decides
// the code, the position becomes span.column.
Status StatusOfDuckError(std::string_view error, std::string_view sql);
// Where the engine parsed `sql` and gives no tree of it.
Status StatusOfNoTree(std::string_view sql);
}  // namespace weirhouse::platform
