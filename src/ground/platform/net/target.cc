#include "ground/platform/net/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/ascii.h"
#include "ground/base/text.h"

namespace weirhouse::http {
namespace {
Status Refused(std::string why) {
  return Status(Code::kInvalidInput, "the request's path is refused: " + std::move(why))
      .WithError("WH8070");
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

constexpr char kLevelSeparator = '\x1f';

// How a piece of a target is written.
struct Writing {
  bool plus_is_blank = false;  // form-encoded
  bool may_join_levels = false;
};

Result<std::string> Decode(std::string_view text, Writing writing) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && writing.plus_is_blank) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Refused("\"%\" without two hexadecimal digits");
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  for (const char c : decoded) {
    if (IsControl(c) && !(writing.may_join_levels && c == kLevelSeparator))
      return Refused("a control character");
  }
  if (!IsValidUtf8(decoded)) return Refused("not UTF-8");
  return decoded;
}

Result<std::string> DecodeStep(std::string_view raw, bool is_free) {
  WEIRHOUSE_TRY(std::string step,
                Decode(raw, {.plus_is_blank = is_free, .may_join_levels = is_free}));
  if (step.empty()) return Refused("an empty step");
  if (step.size() > kStepBytesMax) return Refused("a step of more than 1,024 bytes");
  if (step == "." || step == "..") return Refused("a step that is a dot or two");
  if (is_free) return step;
  if (step.find_first_of("/\\%;?") != std::string::npos)
    return Refused("a slash, backslash, percent sign, \"?\" or \";\" inside a step");
  if (step.back() == '.' || step.back() == ' ')
    return Refused("a step that ends in a dot or blank");
  return step;
}

Status ParseQuery(std::string_view text, bool is_free, Target& target) {
  if (text.empty()) return Status();
  const Writing writing{.plus_is_blank = true, .may_join_levels = is_free};
  for (const std::string_view field : Split(text, '&')) {
    const std::size_t equals = field.find('=');
    WEIRHOUSE_TRY(std::string name, Decode(field.substr(0, equals), writing));
    std::string value;
    if (equals != std::string_view::npos) {
      WEIRHOUSE_TRY(value, Decode(field.substr(equals + 1), writing));
    }
    if (name.empty()) return Refused("a query field without a name");
    if (target.query.size() == kQueryFieldsMax) return Refused("more than 64 query fields");
    if (!target.query.emplace(std::move(name), std::move(value)).second)
      return Refused("a query field that comes twice");
  }
  return Status();
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || c == '@' || c == ':';
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}
}  // namespace

bool IsBelow(std::string_view target, std::string_view prefix) {
  if (!target.starts_with(prefix)) return false;
  const std::string_view rest = target.substr(prefix.size());
  return rest.empty() || rest.front() == '/' || rest.front() == '?';
}

Result<Target> ParseTarget(std::string_view target, std::span<const std::string> free_prefixes) {
  if (target.size() > kTargetBytesMax) return Refused("longer than 8 KiB");
  if (target.empty() || target.front() != '/') return Refused("it does not begin with \"/\"");
  if (target.find_first_of("#\\") != std::string_view::npos)
    return Refused("\"#\" or a backslash outside an escape");
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const bool is_free =
      std::any_of(free_prefixes.begin(), free_prefixes.end(),
                  [path](const std::string& prefix) { return IsBelow(path, prefix); });
  Target parsed;
  if (path != "/") {
    for (const std::string_view raw : Split(path.substr(1), '/')) {
      WEIRHOUSE_TRY(std::string step, DecodeStep(raw, is_free));
      if (parsed.steps.size() == kStepsMax) return Refused("more than 32 steps");
      parsed.path += "/" + step;
      parsed.steps.push_back(std::move(step));
    }
  } else {
    parsed.path = "/";
  }
  if (question != std::string_view::npos)
    WEIRHOUSE_TRY_STATUS(ParseQuery(target.substr(question + 1), is_free, parsed));
  return parsed;
}

std::string FormatTarget(const Target& target) {
  std::string text;
  for (const std::string& step : target.steps) text += "/" + PercentEncode(step);
  if (text.empty()) text = "/";
  char separator = '?';
  for (const auto& [name, value] : target.query) {
    text += separator + PercentEncode(name) + "=" + PercentEncode(value);
    separator = '&';
  }
  return text;
}
}  // namespace weirhouse::http
