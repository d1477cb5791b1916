#include "rules/transform/cut_text.h"

namespace weirhouse::transform {

std::string CutText(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}
}  // namespace weirhouse::transform
