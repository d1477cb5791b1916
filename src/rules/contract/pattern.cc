#include "rules/contract/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include "ground/base/text.h"

namespace weirhouse::contract {
namespace {
constexpr std::int64_t kProgramBytesMax = 8 << 20;  // a pattern of nested repeats stops here

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string ToRe2(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const bool four_digits = pattern[i + 1] == 'u' && i + 5 < pattern.size() &&
                               IsHex(pattern[i + 2]) && IsHex(pattern[i + 3]) &&
                               IsHex(pattern[i + 4]) && IsHex(pattern[i + 5]);
      if (four_digits) {
        out += fmt::format("\\x{{{}}}", pattern.substr(i + 2, 4));
        i += 5;
      } else {
        out += pattern.substr(i, 2);
        ++i;
      }
    } else if (pattern.substr(i).starts_with("(?<") && i + 3 < pattern.size() &&
               pattern[i + 3] != '=' && pattern[i + 3] != '!') {
      out += "(?P<";
      i += 2;
    } else {
      out += pattern[i];
    }
  }
  return out;
}

re2::RE2::Options PatternOptions() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kProgramBytesMax);
  return options;
}
}  // namespace

std::string RefusedPart(std::string_view pattern) {
  for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"}) {
    if (const auto at = pattern.find(look); at != std::string_view::npos) {
      const auto end = pattern.find(')', at);
      return std::string(pattern.substr(at, end == std::string_view::npos ? end : end - at + 1));
    }
  }
  const re2::RE2 compiled(ToRe2(pattern), PatternOptions());
  if (compiled.ok()) return "";
  return compiled.error_arg().empty() ? std::string(pattern) : compiled.error_arg();
}

Result<std::shared_ptr<const re2::RE2>> CompilePattern(std::string_view pattern) {
  auto compiled = std::make_shared<const re2::RE2>(ToRe2(pattern), PatternOptions());
  if (compiled->ok()) return std::shared_ptr<const re2::RE2>(std::move(compiled));
  const std::string part = RefusedPart(pattern);
  const bool look = part.starts_with("(?=") || part.starts_with("(?!") || part.starts_with("(?<");
  return Status(Code::kInvalidInput,
                fmt::format("pattern cannot be used: {}: \"{}\"",
                            look ? "look-around is not supported (RE2)" : compiled->error(),
                            EscapeControl(part)))
      .WithError(kPatternRefused)
      .WithHint("write the pattern without look-around and back-references");
}
}  // namespace weirhouse::contract
