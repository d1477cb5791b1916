// Small text operations. Pure; threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weirhouse {

std::vector<std::string_view> Split(std::string_view text, char separator);
std::string_view Trim(std::string_view text);
std::string Join(std::span<const std::string> parts, std::string_view separator);
bool IsValidUtf8(std::string_view text);

// Levenshtein distance, capped at `limit` + 1. For suggestions.
int EditDistance(std::string_view a, std::string_view b, int limit = 3);
// The known name nearest to `wrong`, whatever the case: at most 3 edits or a third of the longer one,
// and at most half of it; else the only one that extends `wrong` or is its beginning; or empty.
std::string NearestName(std::string_view wrong, std::span<const std::string> known);
// `did you mean "arr_delay"?`, or empty.
std::string DidYouMean(std::string_view wrong, std::span<const std::string> known);

// "693,559"
std::string WithThousands(std::int64_t value);
// Control characters as \xHH or \uHHHH, so that data cannot drive a terminal (U+202E, U+009B…).
std::string EscapeControl(std::string_view text);
// `name` as a quoted SQL identifier.
std::string QuoteIdentifier(std::string_view name);
// `text` as a SQL string literal.
std::string QuoteLiteral(std::string_view text);
}  // namespace weirhouse
