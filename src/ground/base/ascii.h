// ASCII letters and digits, whatever the locale: names in SQL, header fields, hexadecimal text.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace weirhouse {

constexpr char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerCase(c);
  return lower;
}

// Whether they differ in the case of ASCII letters at most.
constexpr bool SameButForCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}

// The value of a hexadecimal digit of either case, or -1.
constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = LowerCase(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
// The same where the text has one form only: of lower case.
constexpr int LowerHexDigit(char c) { return c >= 'A' && c <= 'F' ? -1 : HexDigit(c); }
}  // namespace weirhouse
