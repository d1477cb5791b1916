// Texts cut for people.
#pragma once

#include <cstddef>
#include <string>

namespace weirhouse::transform {

// At most `bytes_max` of it, whole characters: what an engine says may hold a value of any length.
std::string CutText(std::string text, std::size_t bytes_max);
inline constexpr std::size_t kFoundBytesMax = 200;
}  // namespace weirhouse::transform
