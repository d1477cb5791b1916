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

// Compiles `pattern`, which may match anywhere in a value. Spellings that differ between the
// dialects (\uXXXX, named groups, \d inside classes) are translated. A pattern that RE2 does not
// support is kInvalidInput WH1106, with the offending part in the message and as the caret note of
// its diagnostic.
Result<std::shared_ptr<const re2::RE2>> CompilePattern(std::string_view pattern);
// The part that RE2 refuses, for example "(?=foo"; empty if it compiles.
std::string RefusedPart(std::string_view pattern);
}  // namespace weirhouse::contract
