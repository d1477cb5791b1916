// Converts statements and texts to the form that PostgreSQL accepts.
#pragma once

#include <string>
#include <string_view>

namespace weirhouse::platform {

struct NumberedSql {
  std::string text;
  int parameters = 0;
};
// Replaces each `?` in `sql` by `$1`, `$2` …, except in literals, quoted names and comments.
NumberedSql NumberParameters(std::string_view sql);

// Encodes any bytes as text that PostgreSQL can store: UTF-8 without NUL. An invalid byte becomes
// one character of U+10F700 … U+10F7FF; bytes of such characters are encoded the same way, so
// FromStoredText restores the original exactly.
std::string ToStoredText(std::string_view bytes);
std::string FromStoredText(std::string_view text);

// Decodes `\x6869`, PostgreSQL's text form of bytea.
std::string FromHexBytes(std::string_view text);
}  // namespace weirhouse::platform
