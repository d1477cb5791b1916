// The nesting depth of a JSON text, measured before parsing. Copying, comparing and printing a JSON
// tree recurse, so the depth of untrusted input must be bounded first. Pure; threads: any.
#pragma once

#include <algorithm>
#include <string_view>

namespace weirhouse {

// Legitimate requests stay below this; the deepest ones describe nested types.
inline constexpr int kSentDepthMax = 128;

// The greatest depth of brackets outside strings. For text that is not JSON the result is
// arbitrary. Cost: one pass.
inline int MeasureJsonDepth(std::string_view text) {
  int depth = 0;
  int greatest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      greatest = std::max(greatest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return greatest;
}
}  // namespace weirhouse
