// The one place where a request target becomes a path: normalised once, or refused.
//
// What is let through has no second reading: no "." or ".." step, no empty step, no encoded slash,
// backslash or percent sign, no ";", no control character, no step that ends in a dot or a blank,
// and is valid UTF-8. So the router, the token check and the handler cannot disagree about it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace weirhouse::http {

inline constexpr std::size_t kTargetBytesMax = 8 << 10;  // longer is 414
inline constexpr std::size_t kStepBytesMax = 1024;
inline constexpr std::size_t kStepsMax = 32;
inline constexpr std::size_t kQueryFieldsMax = 64;

struct Target {
  std::string path;                // decoded; "/" or "/a/b", never with a slash at the end
  std::vector<std::string> steps;  // decoded; {"a", "b"}
  std::map<std::string, std::string> query;  // decoded, "+" is a blank
};

// Parses the target of a request line in origin form ("/v1/trace/late%231?records=3").
//   kInvalidInput  anything else (WH8070)
Result<Target> ParseTarget(std::string_view target);

// `path` and `query` written so that ParseTarget gives them back.
std::string FormatTarget(const Target& target);
}  // namespace weirhouse::http
