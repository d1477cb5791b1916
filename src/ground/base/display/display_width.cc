#include "ground/base/display/display_width.h"

#include <algorithm>

namespace weirhouse {

std::size_t DisplayWidth(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}
}  // namespace weirhouse
