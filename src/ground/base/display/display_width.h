// How wide a text is where it is shown.
#pragma once

#include <cstddef>
#include <string_view>

namespace weirhouse {

// Characters of UTF-8 text: its width on a terminal for most scripts.
std::size_t DisplayWidth(std::string_view text);
}  // namespace weirhouse
