#include "ground/platform/sql/sql_error.h"

#include <algorithm>
#include <charconv>
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

// The public header promises the byte offset from 1, without a line: SQL here is a generated text.
SourceSpan SpanAt(std::string_view sql, std::int64_t position) {
  SourceSpan span;
  const auto offset = static_cast<std::size_t>(
      std::clamp<std::int64_t>(position, 0, static_cast<std::int64_t>(sql.size())));
  span.column = static_cast<int>(offset) + 1;
  return span;
}
}  // namespace

Status StatusOfDuckError(std::string_view error, std::string_view sql) {
  DuckErrorParts parts = PartsOf(error);
  std::string hint;
  std::string message;
  // The first line says what; the others say what DuckDB would suggest.
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
          .WithError(no_memory ? std::string(kNoMemoryError) : ErrorCodeOf(code));
  if (code == Code::kUnavailable && hint.empty()) {
    hint = "give the engine more memory or a folder to spill to, or make the query smaller";
  }
  if (!hint.empty()) status = std::move(status).WithHint(std::move(hint));
  if (parts.position) status = std::move(status).WithSpan(SpanAt(sql, *parts.position));
  return status;
}
}  // namespace weirhouse::platform
