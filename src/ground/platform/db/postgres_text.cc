#include "ground/platform/db/postgres_text.h"

#include <fmt/format.h>

#include <cstdint>

namespace weirhouse::platform {
namespace {
// The UTF-8 of U+10F700 … U+10F7FF is F4 8F 9C 80 … F4 8F 9F BF: the last plane's private use.
constexpr std::string_view kEscapeLead("\xF4\x8F", 2);
constexpr std::size_t kEscapeBytes = 4;

void AppendEscaped(std::string& text, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  text += kEscapeLead;
  text += static_cast<char>(0x9C | (value >> 6));
  text += static_cast<char>(0x80 | (value & 0x3F));
}

bool IsEscape(std::string_view text, std::size_t at) {
  if (text.size() - at < kEscapeBytes || text.substr(at, 2) != kEscapeLead) return false;
  const auto third = static_cast<unsigned char>(text[at + 2]);
  return third >= 0x9C && third <= 0x9F;
}

bool IsContinuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// Bytes of the well-formed character at `at`; 0 if there is none (Unicode standard, table 3-7).
std::size_t CharacterBytes(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t count = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  for (std::size_t i = 1; i < count; ++i) {
    if (!IsContinuation(text, at + i)) return 0;
  }
  const auto second = static_cast<unsigned char>(text[at + 1]);
  if (first == 0xE0 && second < 0xA0) return 0;  // longer than needed
  if (first == 0xED && second > 0x9F) return 0;  // surrogates
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
  return count;
}

// The end of what begins at `at` and holds no parameters; `at` itself if a parameter may stand
// there.
std::size_t SkipOpaque(std::string_view sql, std::size_t at) {
  const auto after = [&](std::size_t found, std::size_t length) {
    return found == std::string_view::npos ? sql.size() : found + length;
  };
  const char first = sql[at];
  // A doubled quote ends one literal and begins the next, which comes to the same.
  if (first == '\'' || first == '"') return after(sql.find(first, at + 1), 1);
  if (sql.substr(at, 2) == "--") return after(sql.find('\n', at), 1);
  if (sql.substr(at, 2) == "/*") return after(sql.find("*/", at + 2), 2);
  return at;
}
}  // namespace

NumberedSql NumberParameters(std::string_view sql) {
  NumberedSql numbered;
  for (std::size_t at = 0; at < sql.size();) {
    const std::size_t end = SkipOpaque(sql, at);
    if (end > at) {
      numbered.text += sql.substr(at, end - at);
      at = end;
    } else if (sql[at] == '?') {
      numbered.text += fmt::format("${}", ++numbered.parameters);
      ++at;
    } else {
      numbered.text += sql[at++];
    }
  }
  return numbered;
}

std::string ToStoredText(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t count = bytes[at] == '\0' ? 0 : CharacterBytes(bytes, at);
    if (count == 0) {
      AppendEscaped(text, bytes[at++]);
    } else if (IsEscape(bytes, at)) {
      for (std::size_t i = 0; i < count; ++i) AppendEscaped(text, bytes[at + i]);
      at += count;
    } else {
      text += bytes.substr(at, count);
      at += count;
    }
  }
  return text;
}

std::string FromStoredText(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t lead = text.find(kEscapeLead, at);
    if (lead == std::string_view::npos) {
      bytes += text.substr(at);
      break;
    }
    bytes += text.substr(at, lead - at);
    if (IsEscape(text, lead)) {
      bytes += static_cast<char>(((text[lead + 2] & 0x03) << 6) | (text[lead + 3] & 0x3F));
      at = lead + kEscapeBytes;
    } else {
      bytes += kEscapeLead;
      at = lead + kEscapeLead.size();
    }
  }
  return bytes;
}

std::string FromHexBytes(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string bytes;
  if (!text.starts_with("\\x")) return bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t at = 2; at + 1 < text.size(); at += 2) {
    bytes += static_cast<char>((digit(text[at]) << 4) | digit(text[at + 1]));
  }
  return bytes;
}
}  // namespace weirhouse::platform
