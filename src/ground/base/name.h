// The one grammar of table and namespace names. A namespace is a list of levels joined by dots. A
// table's full name is its namespace, a dot, and its own name, which holds no dot: "a.b.t" is table
// "t" in namespace "a.b". Which characters a level may hold is decided by the code that accepts
// names. Pure; threads: any. The views never allocate except for levels().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/text.h"

namespace weirhouse {

// Valid while the text lives.
class NamespaceView {
 public:
  explicit NamespaceView(std::string_view text) : text_(text) {}
  std::string_view text() const { return text_; }
  std::string_view first() const { return text_.substr(0, text_.find('.')); }  // "a" of "a.b"
  // "a" of "a.b"; empty of "a".
  std::string_view parent() const {
    const auto dot = text_.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : text_.substr(0, dot);
  }
  bool has_parent() const { return text_.find('.') != std::string_view::npos; }
  std::vector<std::string_view> levels() const { return Split(text_, '.'); }
  // At least one level, and no empty level.
  bool is_whole() const {
    return !text_.empty() && text_.front() != '.' && text_.back() != '.' &&
           text_.find("..") == std::string_view::npos;
  }

 private:
  std::string_view text_;
};

// Valid while the text lives.
class TableNameView {
 public:
  explicit TableNameView(std::string_view full) : full_(full), dot_(full.rfind('.')) {}
  std::string_view full() const { return full_; }
  // "a.b" of "a.b.t"; empty of "t".
  std::string_view name_space() const {
    return dot_ == std::string_view::npos ? std::string_view() : full_.substr(0, dot_);
  }
  // "t" of "a.b.t", and of "t".
  std::string_view own() const {
    return dot_ == std::string_view::npos ? full_ : full_.substr(dot_ + 1);
  }
  bool has_namespace() const { return dot_ != std::string_view::npos; }
  // Has a namespace, and no empty level.
  bool is_whole() const { return has_namespace() && NamespaceView(full_).is_whole(); }

 private:
  std::string_view full_;
  std::size_t dot_;
};

// A processed table that keeps every version of its rows stores them in a second table, its
// history. The name alone marks a table as a history, so no table of another kind may end in this
// suffix.
inline constexpr std::string_view kHistorySuffix = "_history";
// "processed.arrival_history" of "processed.arrival".
inline std::string HistoryOf(std::string_view table) {
  return std::string(table) + std::string(kHistorySuffix);
}
inline bool IsHistory(std::string_view table) { return table.ends_with(kHistorySuffix); }
// "processed.arrival" of both.
inline std::string_view WithoutHistory(std::string_view table) {
  if (IsHistory(table)) table.remove_suffix(kHistorySuffix.size());
  return table;
}
}  // namespace weirhouse
