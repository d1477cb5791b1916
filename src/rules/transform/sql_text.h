// SQL as written: its place in the file, and its tokens.
//
// DuckDB's syntax tree gives byte offsets only for expressions; keywords, USING columns and the
// parts of a dotted name are found among the tokens.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/ascii.h"
#include "ground/base/status.h"

namespace weirhouse::transform {

enum class TokenKind : unsigned char { kWord, kQuotedName, kText, kNumber, kSymbol };

struct Token {
  TokenKind kind = TokenKind::kSymbol;
  std::string_view text;   // as written; valid while the text lives
  std::size_t offset = 0;  // in bytes, from the start of the text
  int depth = 0;           // of parentheses around it

  std::size_t end() const { return offset + text.size(); }
  // Case-insensitive comparison of an unquoted word.
  bool Is(std::string_view word) const;
  // The name it stands for, quotes removed.
  std::string Name() const;
};

// Splits `text` into tokens, without comments and blanks. Never fails: an unclosed quote ends at
// the end of the text.
std::vector<Token> Tokenize(std::string_view text);

// A text and its place in the file. A value.
class SqlText {
 public:
  SqlText(std::string path, std::string text, int line = 1, int column = 1);
  SqlText(const SqlText& other) : SqlText(other.path_, other.text_, other.line_, other.column_) {}
  SqlText& operator=(const SqlText&) = delete;

  const std::string& path() const { return path_; }
  const std::string& text() const { return text_; }
  const std::vector<Token>& tokens() const { return tokens_; }

  // The place of `width` bytes at `offset`. Columns count characters, not bytes.
  SourceSpan SpanAt(std::size_t offset, std::size_t width) const;
  // Index of the first token at or after `offset`; tokens().size() if none.
  std::size_t TokenAt(std::size_t offset) const;
  // The token at `offset`, or one byte of it.
  SourceSpan SpanOfToken(std::size_t offset) const;
  // The first token `word` outside all parentheses, or nullptr.
  const Token* FindTopLevel(std::string_view word) const;

 private:
  std::string path_;
  std::string text_;
  int line_;
  int column_;
  std::vector<Token> tokens_;
};

}  // namespace weirhouse::transform
