// ECMA-262 patterns on RE2, which has neither look-around nor back-references.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace re2 {
class RE2;
}

namespace weirhouse::contract {

inline constexpr Reason kPatternRefused{"WH1106"};

// Compiles `pattern`, found anywhere in a value. Where the two dialects spell one thing in two ways
// (\uXXXX, named groups, \d inside classes) it is translated; what RE2 cannot do is kInvalidInput
// WH1106, with the offending part as the caret note of its diagnostic and in its message.
Result<std::shared_ptr<const re2::RE2>> CompilePattern(std::string_view pattern);
// The part that RE2 refuses, for example "(?=foo"; empty if it compiles.
std::string RefusedPart(std::string_view pattern);
}  // namespace weirhouse::contract
