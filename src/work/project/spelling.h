// Names as SQL tells them apart.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace weirhouse::work {

// Names that differ in the case of ASCII letters alone are one to SQL.
inline std::string Folded(std::string_view name) {
  std::string folded(name);
  std::transform(folded.begin(), folded.end(), folded.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return folded;
}
}  // namespace weirhouse::work
