#include "ground/base/id.h"

#include <fmt/format.h>

#include <charconv>

namespace weirhouse {
namespace {
Result<std::int64_t> ParsePrefixed(std::string_view text, char prefix, std::string_view what) {
  std::int64_t value = 0;
  if (text.size() >= 2 && text[0] == prefix) {
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value > 0) return value;
  }
  return Status(Code::kInvalidInput, fmt::format("not a {} id: \"{}\"", what, text))
      .WithHint(fmt::format("{} ids look like {}12", what, prefix));
}
}  // namespace

std::string ToString(RunId id) { return fmt::format("r{}", id.value()); }
std::string ToString(ObjectId id) { return fmt::format("o{}", id.value()); }

Result<RunId> ParseRunId(std::string_view text) {
  WEIRHOUSE_TRY(const std::int64_t value, ParsePrefixed(text, 'r', "run"));
  return RunId(value);
}
Result<ObjectId> ParseObjectId(std::string_view text) {
  WEIRHOUSE_TRY(const std::int64_t value, ParsePrefixed(text, 'o', "object"));
  return ObjectId(value);
}
}  // namespace weirhouse
