#include "work/landing/landing_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse::landing {
namespace {
constexpr std::size_t kCharacterBytesMax = 4;

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Whether the text would read as one that was escaped.
bool LooksEscaped(std::string_view name) {
  for (auto at = name.find('\\'); at != std::string_view::npos; at = name.find('\\', at + 1)) {
    const std::string_view rest = name.substr(at + 1);
    if (rest.starts_with('\\')) return true;
    if (rest.size() >= 3 && rest[0] == 'x' && IsHex(rest[1]) && IsHex(rest[2])) return true;
  }
  return false;
}

// Bytes of the character at the beginning; 0 if none begins there.
std::size_t CharacterBytes(std::string_view text) {
  for (std::size_t size = 1; size <= std::min(text.size(), kCharacterBytesMax); ++size) {
    if (IsValidUtf8(text.substr(0, size))) return size;
  }
  return 0;
}
}  // namespace

std::string TextOfName(std::string_view name) {
  if (IsValidUtf8(name) && !LooksEscaped(name)) return std::string(name);
  std::string text;
  while (!name.empty()) {
    const std::size_t size = CharacterBytes(name);
    if (size == 0) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(name[0]));
    } else if (name[0] == '\\') {
      text += "\\\\";
    } else {
      text += name.substr(0, size);
    }
    name.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text;
}
}  // namespace weirhouse::landing
