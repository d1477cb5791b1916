// Statements and texts as PostgreSQL takes them.
#pragma once

#include <string>
#include <string_view>

namespace weirhouse::platform {

struct NumberedSql {
  std::string text;
  int parameters = 0;
};
// Writes `$1`, `$2` … for the `?` of `sql`, but not for those in literals, quoted names and
// comments.
NumberedSql NumberParameters(std::string_view sql);

// Any bytes as a text that PostgreSQL holds: UTF-8 without NUL. What is none becomes one character
// of U+10F700 … U+10F7FF a byte, and so do the bytes of such characters, so that nothing is lost.
std::string ToStoredText(std::string_view bytes);
std::string FromStoredText(std::string_view text);

// The bytes of `\x6869`, as PostgreSQL writes bytea.
std::string FromHexBytes(std::string_view text);
}  // namespace weirhouse::platform
