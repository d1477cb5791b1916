#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/cli/error_pages.h"
#include "ground/base/text.h"

namespace weirhouse::cli {
namespace {
constexpr std::string_view kHeading = "## WH";
}  // namespace

std::vector<Explanation> AllExplanations() {
  std::vector<Explanation> all;
  for (const ErrorPage& page : ErrorPages()) {
    Explanation* current = nullptr;
    for (const std::string_view line : Split(page.text, '\n')) {
      if (line.starts_with(kHeading)) {
        const std::string_view heading = line.substr(3);
        const std::size_t blank = std::min(heading.find(' '), heading.size());
        Explanation one;
        one.code = heading.substr(0, blank);
        one.title = Trim(heading.substr(blank));
        current = &all.emplace_back(std::move(one));
      } else if (line.starts_with("# ") || line.starts_with("## ")) {
        current = nullptr;
      } else if (current != nullptr) {
        current->text += std::string(line) + "\n";
      }
    }
  }
  for (Explanation& one : all) one.text = Trim(one.text);
  std::stable_sort(all.begin(), all.end(),
                   [](const Explanation& a, const Explanation& b) { return a.code < b.code; });
  return all;
}

Result<Explanation> Explain(std::string_view code) {
  std::string wanted(code);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::vector<std::string> known;
  for (Explanation& one : AllExplanations()) {
    if (one.code == wanted) return std::move(one);
    known.push_back(one.code);
  }
  std::string hint = DidYouMean(wanted, known);
  if (hint.empty()) hint = "`wh explain` lists all codes";
  return Status(Code::kNotFound, fmt::format("no such error code: \"{}\"", code))
      .WithError("WH8037")
      .WithHint(std::move(hint));
}
}  // namespace weirhouse::cli
