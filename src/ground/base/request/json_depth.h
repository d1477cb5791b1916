// How deep a JSON text is nested, told before it is parsed: copying, comparing and printing a tree
// recurse, and what a stranger sends must not decide how deep.
#pragma once

#include <algorithm>
#include <string_view>

namespace weirhouse {

// Nested types make the deepest texts that anybody means.
inline constexpr int kSentDepthMax = 128;

// The greatest depth of brackets outside texts: what is no JSON may come out as anything. Cost: one
// pass.
inline int JsonDepthOf(std::string_view text) {
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
