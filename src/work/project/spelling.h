// Names as SQL tells them apart.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/ascii.h"

namespace weirhouse::work {

// Names that differ in the case of ASCII letters alone are one to SQL.
inline std::string Folded(std::string_view name) { return LowerCase(name); }
}  // namespace weirhouse::work
