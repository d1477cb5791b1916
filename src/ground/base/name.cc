#include "ground/base/name.h"

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse {
namespace {
constexpr std::string_view kHistorySuffix = "_history";
}  // namespace

std::vector<std::string_view> NamespaceView::levels() const { return Split(text_, '.'); }

bool NamespaceView::is_whole() const {
  return std::ranges::none_of(levels(), [](std::string_view level) { return level.empty(); });
}

std::string HistoryOf(std::string_view table) {
  return std::string(table) + std::string(kHistorySuffix);
}

bool IsHistory(std::string_view table) { return table.ends_with(kHistorySuffix); }

std::string_view WithoutHistory(std::string_view table) {
  if (IsHistory(table)) table.remove_suffix(kHistorySuffix.size());
  return table;
}
}  // namespace weirhouse
