// The pages of docs/errors, built into the executable: what `wh explain` shows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::cli {

struct ErrorPage {
  std::string_view file;  // "contract.md"
  std::string_view text;
};
// Sorted by file; made by cmake/embed_error_pages.cmake.
std::span<const ErrorPage> ErrorPages();

struct Explanation {
  std::string code;   // "WH1204"
  std::string title;  // "value above maximum"
  std::string text;
};
// All sections "## WH1204 value above maximum" of the pages, by code.
std::vector<Explanation> AllExplanations();
//   kNotFound  no such code (WH8037)
Result<Explanation> Explain(std::string_view code);
}  // namespace weirhouse::cli
