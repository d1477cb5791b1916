// Names as SQL compares them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/ascii.h"

namespace weirhouse::work {

// SQL treats names that differ only in the case of ASCII letters as equal.
inline std::string Folded(std::string_view name) { return LowerCase(name); }
}  // namespace weirhouse::work
