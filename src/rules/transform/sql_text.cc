#include "rules/transform/sql_text.h"

#include <algorithm>
#include <utility>

namespace weirhouse::transform {
namespace {

bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c) || c == '$'; }
bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

// The offset behind the blanks and comments at `at`. Block comments do not nest in DuckDB.
std::size_t SkipBlanks(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (IsBlank(text[at])) {
      ++at;
    } else if (text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      const std::size_t close = text.find("*/", at + 2);
      at = close == std::string_view::npos ? text.size() : close + 2;
    } else {
      break;
    }
  }
  return at;
}

// The offset behind a quoted piece that opens at `at`; a doubled quote stays inside.
std::size_t SkipQuoted(std::string_view text, std::size_t at, char quote, bool backslash) {
  for (++at; at < text.size(); ++at) {
    if (backslash && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (at + 1 < text.size() && text[at + 1] == quote) {
        ++at;
      } else {
        return at + 1;
      }
    }
  }
  return text.size();
}

// `$tag$ … $tag$`, or 0 if no such text opens at `at`.
std::size_t SkipDollarText(std::string_view text, std::size_t at) {
  std::size_t close = at + 1;
  while (close < text.size() && text[close] != '$') {
    if (!IsWordStart(text[close]) && !(close > at + 1 && IsDigit(text[close]))) return 0;
    ++close;
  }
  if (close >= text.size()) return 0;
  const std::string_view tag = text.substr(at, close - at + 1);
  const std::size_t end = text.find(tag, close + 1);
  return end == std::string_view::npos ? text.size() : end + tag.size();
}

std::size_t SkipNumber(std::string_view text, std::size_t at) {
  while (at < text.size() &&
         (IsWordPart(text[at]) || text[at] == '.' ||
          ((text[at] == '+' || text[at] == '-') && (text[at - 1] == 'e' || text[at - 1] == 'E')))) {
    ++at;
  }
  return at;
}

constexpr std::string_view kOperatorCharacters = "+-*/<>=~!@#%^&|`?:";

// The kind of the token at `at`, and the offset behind it.
std::pair<TokenKind, std::size_t> NextToken(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\'') return {TokenKind::kText, SkipQuoted(text, at, '\'', false)};
  if (c == '"') return {TokenKind::kQuotedName, SkipQuoted(text, at, '"', false)};
  if ((c == 'e' || c == 'E') && at + 1 < text.size() && text[at + 1] == '\'') {
    return {TokenKind::kText, SkipQuoted(text, at + 1, '\'', true)};
  }
  if (c == '$') {
    if (const std::size_t end = SkipDollarText(text, at); end != 0) return {TokenKind::kText, end};
  }
  if (IsDigit(c) || (c == '.' && at + 1 < text.size() && IsDigit(text[at + 1]))) {
    return {TokenKind::kNumber, SkipNumber(text, at)};
  }
  std::size_t end = at + 1;
  if (IsWordStart(c)) {
    while (end < text.size() && IsWordPart(text[end])) ++end;
    return {TokenKind::kWord, end};
  }
  if (kOperatorCharacters.find(c) != std::string_view::npos) {
    while (end < text.size() && kOperatorCharacters.find(text[end]) != std::string_view::npos &&
           text.substr(end, 2) != "--" && text.substr(end, 2) != "/*") {
      ++end;
    }
  }
  return {TokenKind::kSymbol, end};
}

std::size_t CountCharacters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

bool Token::Is(std::string_view word) const {
  return kind != TokenKind::kQuotedName && kind != TokenKind::kText &&
         LowerCase(text) == LowerCase(word);
}

std::string Token::Name() const {
  if (kind != TokenKind::kQuotedName) return std::string(text);
  std::string name;
  for (std::size_t at = 1; at + 1 < text.size(); ++at) {
    name += text[at];
    if (text[at] == '"') ++at;
  }
  return name;
}

std::vector<Token> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  int depth = 0;
  for (std::size_t at = SkipBlanks(text, 0); at < text.size(); at = SkipBlanks(text, at)) {
    const auto [kind, end] = NextToken(text, at);
    Token token{kind, text.substr(at, end - at), at, depth};
    if (token.text == "(") ++depth;
    if (token.text == ")") token.depth = depth = std::max(0, depth - 1);
    tokens.push_back(token);
    at = end;
  }
  return tokens;
}

SqlText::SqlText(std::string path, std::string text, int line, int column)
    : path_(std::move(path)),
      text_(std::move(text)),
      line_(line),
      column_(column),
      tokens_(Tokenize(text_)) {}

SourceSpan SqlText::SpanAt(std::size_t offset, std::size_t width) const {
  offset = std::min(offset, text_.size());
  const std::string_view text = text_;
  const std::string_view before = text.substr(0, offset);
  const auto lines = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 = 0
  const std::size_t line_end = std::min(text.find('\n', offset), text.size());
  std::string_view line = text.substr(line_start, line_end - line_start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

  SourceSpan span;
  span.path = path_;
  span.line = line_ + lines;
  span.column =
      static_cast<int>(CountCharacters(before.substr(line_start))) + (lines == 0 ? column_ : 1);
  const std::size_t inside = std::min(width, line_end - offset);
  span.width = std::max(1, static_cast<int>(CountCharacters(text.substr(offset, inside))));
  // A text that begins in the middle of a line does not hold that line's start: no caret then.
  if (lines > 0 || column_ == 1) span.source_line = std::string(line);
  return span;
}

std::size_t SqlText::TokenAt(std::size_t offset) const {
  const auto found =
      std::lower_bound(tokens_.begin(), tokens_.end(), offset,
                       [](const Token& token, std::size_t at) { return token.offset < at; });
  return static_cast<std::size_t>(found - tokens_.begin());
}

SourceSpan SqlText::SpanOfToken(std::size_t offset) const {
  const std::size_t index = TokenAt(offset);
  if (index < tokens_.size() && tokens_[index].offset == offset) {
    return SpanAt(offset, tokens_[index].text.size());
  }
  return SpanAt(offset, 1);
}

const Token* SqlText::FindTopLevel(std::string_view word) const {
  for (const Token& token : tokens_) {
    if (token.depth == 0 && token.Is(word)) return &token;
  }
  return nullptr;
}
}  // namespace weirhouse::transform
