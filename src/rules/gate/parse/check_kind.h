// The names of the kinds of checks.
#pragma once

#include <string>
#include <vector>

namespace weirhouse::gate {

// All of them, for suggestions.
const std::vector<std::string>& CheckKinds();
}  // namespace weirhouse::gate
