#include "ground/base/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace weirhouse {
namespace {
constexpr std::string_view kOpening = "${env:";

bool IsVariableName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}
}  // namespace

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

bool HasEnvironmentReference(std::string_view text) {
  return text.find(kOpening) != std::string_view::npos;
}

Result<std::string> ExpandEnvironment(std::string_view text, const EnvironmentLookup& lookup) {
  std::string expanded;
  std::size_t at = 0;
  while (true) {
    const std::size_t opening = text.find(kOpening, at);
    expanded += text.substr(at, opening - at);  // npos - at: the rest
    if (opening == std::string_view::npos) return expanded;
    const std::size_t begin = opening + kOpening.size();
    const std::size_t closing = text.find('}', begin);
    if (closing == std::string_view::npos) {
      return Status(Code::kInvalidInput,
                    "a reference to an environment variable lacks its closing brace: \"${env:\"")
          .WithError("WH2030")
          .WithHint("write '${env:NAME}' or '${env:NAME:-default}'");
    }
    const std::string_view reference = text.substr(begin, closing - begin);
    const std::size_t dash = reference.find(":-");
    const std::string name(reference.substr(0, dash));
    if (!IsVariableName(name)) {
      return Status(Code::kInvalidInput,
                    fmt::format("\"{}\" is not the name of an environment variable", name))
          .WithError("WH2030")
          .WithHint("write '${env:NAME}' or '${env:NAME:-default}'");
    }
    const std::optional<std::string> value = lookup(name);
    if (value && (!value->empty() || dash == std::string_view::npos)) {
      expanded += *value;
    } else if (dash != std::string_view::npos) {
      expanded += reference.substr(dash + 2);
    } else {
      return Status(Code::kInvalidInput,
                    fmt::format("the environment variable \"{}\" is not set", name))
          .WithError("WH2030")
          .WithHint(fmt::format("set it, or give a default: '${{env:{}:-default}}'", name));
    }
    at = closing + 1;
  }
}
}  // namespace weirhouse
