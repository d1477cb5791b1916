// ASCII letters and digits, independent of the locale: SQL names, header fields, hexadecimal text.
// Pure; threads: any.
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

// Whether `a` and `b` are equal apart from the case of ASCII letters.
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
// As HexDigit, but an upper-case digit is -1: for text whose one form is lower case.
constexpr int LowerHexDigit(char c) { return c >= 'A' && c <= 'F' ? -1 : HexDigit(c); }
}  // namespace weirhouse
