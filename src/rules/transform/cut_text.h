// Cuts texts for messages.
#pragma once

#include <cstddef>
#include <string>

namespace weirhouse::transform {

// At most `bytes_max` of `text`, in whole characters: an engine's message may contain a value of
// any length.
std::string CutText(std::string text, std::size_t bytes_max);
inline constexpr std::size_t kFoundBytesMax = 200;
}  // namespace weirhouse::transform
