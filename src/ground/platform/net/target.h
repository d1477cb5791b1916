// Parses a request target into a path: normalised once, or refused. No other code does it.
//
// An accepted path has only one reading: no "." or ".." step, no empty step, no encoded slash,
// backslash or percent sign, no ";", no control character, no step that ends in a dot or a blank,
// and only valid UTF-8. So the router, the token check and the handler cannot disagree about it.
//
// Below the free prefixes a step is a user's name, form-encoded as Iceberg's clients do. Decoded it
// may hold any text without control characters, except "." and ".."; 0x1F, which joins the levels
// of a namespace, is allowed. Routing goes by steps, so a slash inside a step does not divide it;
// `path` is only for display there.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

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

// Parses the target of a request line in origin form (RFC 9112 section 3.2.1):
// "/v1/trace/late%231?records=3". `free_prefixes` consist of plain steps ("/iceberg") and apply to
// paths below them.
//   kInvalidInput  anything else (WH8070)
Result<Target> ParseTarget(std::string_view target,
                           std::span<const std::string> free_prefixes = {});
// Whether a raw path or target is `prefix` or lies below it. False for any encoded spelling of the
// prefix.
bool IsBelow(std::string_view target, std::string_view prefix);

// The text of `path` and `query`, from which ParseTarget gives them back.
std::string FormatTarget(const Target& target);
}  // namespace weirhouse::http
