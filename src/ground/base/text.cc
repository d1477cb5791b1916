#include "ground/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "ground/base/ascii.h"

namespace weirhouse {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at == text.size() || text[at] == separator) {
      parts.push_back(text.substr(begin, at - begin));
      begin = at + 1;
    }
  }
  return parts;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string Join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty() || &part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

namespace {
// Bytes of the character that begins at `at`; 0 if no character of UTF-8 does.
int CharacterBytes(const unsigned char* at, const unsigned char* end) {
  if (*at < 0x80) return 1;
  const int length = *at >= 0xc2 && *at < 0xe0   ? 2
                     : *at >= 0xe0 && *at < 0xf0 ? 3
                     : *at >= 0xf0 && *at < 0xf5 ? 4
                                                 : 0;
  if (length == 0 || end - at < length) return 0;
  for (int i = 1; i < length; ++i) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  // Overlong, surrogate, beyond U+10FFFF.
  const bool outside = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
                       (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f);
  return outside ? 0 : length;
}
}  // namespace

bool IsValidUtf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  constexpr std::ptrdiff_t kWord = 8;
  constexpr std::uint64_t kFirstBits = 0x8080808080808080;
  while (at < end) {
    // Eight characters of ASCII at once.
    if (std::uint64_t word = 0; end - at >= kWord) {
      std::memcpy(&word, at, kWord);
      if ((word & kFirstBits) == 0) {
        at += kWord;
        continue;
      }
    }
    const int length = CharacterBytes(at, end);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

int EditDistance(std::string_view a, std::string_view b, int limit) {
  if (std::abs(static_cast<long>(a.size()) - static_cast<long>(b.size())) > limit) return limit + 1;
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return std::min(row[b.size()], limit + 1);
}

namespace {
// The one known name that begins with `wrong`, or with which `wrong` begins; empty if there are none
// or several.
std::string OnlyExtension(const std::string& wrong, std::span<const std::string> known) {
  constexpr std::size_t kTellingBytes = 3;
  std::string only;
  for (const std::string& name : known) {
    const std::string lower = LowerCase(name);
    if (std::min(wrong.size(), name.size()) < kTellingBytes) continue;
    if (!lower.starts_with(wrong) && !wrong.starts_with(lower)) continue;
    if (!only.empty()) return "";
    only = name;
  }
  return only;
}
}  // namespace

std::string NearestName(std::string_view wrong, std::span<const std::string> known) {
  const std::string lower = LowerCase(wrong);
  std::string best;
  int best_distance = 0;
  for (const std::string& name : known) {
    const int longer = static_cast<int>(std::max(wrong.size(), name.size()));
    const int limit = std::min(std::max(3, longer / 3), longer / 2);
    const int distance = EditDistance(lower, LowerCase(name), limit);
    if (distance > limit || (!best.empty() && distance >= best_distance)) continue;
    best = name;
    best_distance = distance;
  }
  return best.empty() ? OnlyExtension(lower, known) : best;
}

std::string DidYouMean(std::string_view wrong, std::span<const std::string> known) {
  const std::string name = NearestName(wrong, known);
  return name.empty() ? "" : fmt::format("did you mean \"{}\"?", name);
}

std::string WithThousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (int at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string EscapeControl(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+202A…U+202E and U+2066…U+2069 turn the reading direction.
    const bool bidi = c == 0xe2 && i + 2 < text.size() &&
                      static_cast<unsigned char>(text[i + 1]) == 0x80 &&
                      static_cast<unsigned char>(text[i + 2]) >= 0xaa &&
                      static_cast<unsigned char>(text[i + 2]) <= 0xae;
    const bool isolate = c == 0xe2 && i + 2 < text.size() &&
                         static_cast<unsigned char>(text[i + 1]) == 0x81 &&
                         static_cast<unsigned char>(text[i + 2]) >= 0xa6 &&
                         static_cast<unsigned char>(text[i + 2]) <= 0xa9;
    // U+0080…U+009F: a terminal may take U+009B for the beginning of a command.
    const bool second_control_set = c == 0xc2 && i + 1 < text.size() &&
                                    static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                                    static_cast<unsigned char>(text[i + 1]) <= 0x9f;
    if (second_control_set) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[i + 1]));
      i += 1;
    } else if (bidi || isolate) {
      out += fmt::format(
          "\\u{:04x}", (bidi ? 0x2000 : 0x2040) + (static_cast<unsigned char>(text[i + 2]) & 0x3f));
      i += 2;
    } else if (const auto* at = reinterpret_cast<const unsigned char*>(text.data()) + i;
               c < 0x20 || c == 0x7f || CharacterBytes(at, at + (text.size() - i)) == 0) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      const int length = CharacterBytes(at, at + (text.size() - i));
      out += text.substr(i, static_cast<std::size_t>(length));
      i += static_cast<std::size_t>(length) - 1;
    }
  }
  return out;
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}
std::string QuoteLiteral(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}
}  // namespace weirhouse
