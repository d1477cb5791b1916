#include "ground/platform/sql/sql_error.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "ground/base/text.h"
#include "ground/base/thread.h"

namespace weirhouse::platform {
namespace {
struct DuckErrorParts {
  std::string kind;
  std::string message;
  std::optional<std::int64_t> position;  // bytes from the start of the statement
};

std::string StringOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

DuckErrorParts PartsOf(std::string_view error) {
  DuckErrorParts parts;
  parts.message = std::string(Trim(error));
  const auto brace = error.find('{');
  if (brace == std::string_view::npos) return parts;
  const auto object = nlohmann::json::parse(error.substr(brace), nullptr, false);
  if (!object.is_object() || !object.contains("exception_message")) return parts;
  parts.kind = StringOf(object, "exception_type");
  parts.message = StringOf(object, "exception_message");
  const std::string position = StringOf(object, "position");
  std::int64_t value = 0;
  const auto [end, problem] =
      std::from_chars(position.data(), position.data() + position.size(), value);
  if (problem == std::errc() && end != position.data()) parts.position = value;
  return parts;
}

Code CodeOf(std::string_view kind) {
  if (kind == "Permission") return Code::kPermissionDenied;
  if (kind == "IO" || kind == "Out of Memory" || kind == "INTERRUPT" || kind == "Interrupted") {
    return Code::kUnavailable;
  }
  if (kind == "INTERNAL" || kind == "Internal" || kind == "FATAL" || kind == "Fatal") {
    return Code::kInternal;
  }
  return Code::kInvalidInput;
}

std::string ErrorCodeOf(Code code) {
  switch (code) {
    case Code::kPermissionDenied:
      return "WH7036";
    case Code::kUnavailable:
      return "WH7037";
    case Code::kInternal:
      return "WH7038";
    default:
      return "WH7035";
  }
}

// sql.h promises a byte offset from 1, without a line, because most SQL here is generated.
SourceSpan SpanAt(std::string_view sql, std::int64_t position) {
  SourceSpan span;
  const auto offset = static_cast<std::size_t>(
      std::clamp<std::int64_t>(position, 0, static_cast<std::int64_t>(sql.size())));
  span.column = static_cast<int>(offset) + 1;
  return span;
}
// The end of the string, quoted name or comment that begins at `at`; `at` if none does.
std::size_t EndOfQuoted(std::string_view sql, std::size_t at) {
  const auto behind = [&](std::string_view mark, std::size_t from) {
    const std::size_t end = sql.find(mark, from);
    return end == std::string_view::npos ? sql.size() : end + mark.size();
  };
  if (sql[at] == '\'' || sql[at] == '"') return behind(sql.substr(at, 1), at + 1);
  if (sql.substr(at).starts_with("--")) return behind("\n", at);
  if (sql.substr(at).starts_with("/*")) return behind("*/", at + 2);
  return at;
}

// The position of the first number beyond the range of DOUBLE: the engine reads it as infinite,
// which its syntax tree cannot represent.
std::optional<std::size_t> NumberBeyondDouble(std::string_view sql) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  };
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t end = EndOfQuoted(sql, at); end != at) {
      at = end;
      continue;
    }
    if (!is_word(sql[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    const auto has_sign = [&] {
      return (sql[at] == '+' || sql[at] == '-') && (sql[at - 1] == 'e' || sql[at - 1] == 'E') &&
             std::isalpha(static_cast<unsigned char>(sql[begin])) == 0;
    };
    while (at < sql.size() && (is_word(sql[at]) || has_sign())) ++at;
    std::string number(sql.substr(begin, at - begin));
    std::erase(number, '_');
    if (std::isalpha(static_cast<unsigned char>(number[0])) == 0 &&
        std::isinf(std::strtod(number.c_str(), nullptr)))
      return begin;
  }
  return std::nullopt;
}
}  // namespace

Status DuckErrorToStatus(std::string_view error, std::string_view sql) {
  DuckErrorParts parts = PartsOf(error);
  std::string hint;
  std::string message;
  // The first line is the error; the others are DuckDB's suggestions.
  for (const std::string_view line : Split(parts.message, '\n')) {
    const std::string_view text = Trim(line);
    if (text.empty()) continue;
    std::string& target = message.empty() ? message : hint;
    if (!target.empty()) target += "; ";
    target += text;
  }
  if (message.empty()) message = "it gave no reason";
  const Code code = CodeOf(parts.kind);
  const bool no_memory = parts.kind == "Out of Memory";
  Status status =
      Status(code, (no_memory ? "SQL ran out of memory: " : "SQL was refused: ") + message)
          .WithError(no_memory ? std::string(kNoMemoryError.code()) : ErrorCodeOf(code));
  if (code == Code::kUnavailable && hint.empty()) {
    hint = "give the engine more memory or a folder for spilling, or make the query smaller";
  }
  if (!hint.empty()) status = std::move(status).WithHint(std::move(hint));
  if (parts.position) status = std::move(status).WithSpan(SpanAt(sql, *parts.position));
  return status;
}

Status NoSyntaxTree(std::string_view sql) {
  const std::optional<std::size_t> at = NumberBeyondDouble(sql);
  if (!at) {
    return Status(Code::kInternal, "the SQL engine returned no syntax tree").WithError("WH7038");
  }
  return Status(Code::kInvalidInput,
                "SQL was refused: a number is beyond the range of DOUBLE (1.8e308)")
      .WithError(ErrorCodeOf(Code::kInvalidInput))
      .WithSpan(SpanAt(sql, static_cast<std::int64_t>(*at)));
}
}  // namespace weirhouse::platform
