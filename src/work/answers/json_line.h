// JSON in the form in which it is sent and printed. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace weirhouse::answers {

// JSON on one line, members sorted by name. Bytes that are not UTF-8 are replaced, so it never
// fails.
std::string JsonLine(const nlohmann::json& value);
}  // namespace weirhouse::answers
