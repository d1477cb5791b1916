#include "app/command/invocation.h"

#include <nlohmann/json.hpp>

namespace weirhouse::command {
using nlohmann::json;

bool Invocation::Has(std::string_view option) const {
  return options.find(std::string(option)) != options.end();
}

std::optional<std::string> Invocation::Option(std::string_view option) const {
  const auto found = options.find(std::string(option));
  if (found == options.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Invocation::Options(std::string_view option) const {
  const auto found = options.find(std::string(option));
  return found == options.end() ? std::vector<std::string>() : found->second;
}

std::string Invocation::Word(std::size_t index) const {
  return index < words.size() ? words[index] : std::string();
}

json ToJson(const Invocation& invocation) {
  return {{"verb", invocation.verb},
          {"words", invocation.words},
          {"options", invocation.options},
          {"json", invocation.json},
          {"jsonl", invocation.jsonl},
          {"quiet", invocation.quiet},
          {"verbose", invocation.verbose},
          {"yes", invocation.yes},
          {"no_input", invocation.no_input},
          {"color", invocation.color},
          {"dry_run", invocation.dry_run},
          {"project", invocation.project},
          {"profile", invocation.profile},
          {"at", invocation.at},
          {"cwd", invocation.cwd},
          {"user", invocation.user},
          {"stdout_is_terminal", invocation.stdout_is_terminal},
          {"stderr_is_terminal", invocation.stderr_is_terminal},
          {"columns", invocation.columns}};
}

Result<Invocation> InvocationFromJson(std::string_view text) {
  try {
    const json parsed = json::parse(text);
    Invocation invocation;
    parsed.at("verb").get_to(invocation.verb);
    parsed.at("words").get_to(invocation.words);
    parsed.at("options").get_to(invocation.options);
    parsed.at("json").get_to(invocation.json);
    parsed.at("jsonl").get_to(invocation.jsonl);
    parsed.at("quiet").get_to(invocation.quiet);
    parsed.at("verbose").get_to(invocation.verbose);
    parsed.at("yes").get_to(invocation.yes);
    parsed.at("no_input").get_to(invocation.no_input);
    parsed.at("color").get_to(invocation.color);
    parsed.at("dry_run").get_to(invocation.dry_run);
    parsed.at("project").get_to(invocation.project);
    parsed.at("profile").get_to(invocation.profile);
    parsed.at("at").get_to(invocation.at);
    parsed.at("cwd").get_to(invocation.cwd);
    parsed.at("user").get_to(invocation.user);
    parsed.at("stdout_is_terminal").get_to(invocation.stdout_is_terminal);
    parsed.at("stderr_is_terminal").get_to(invocation.stderr_is_terminal);
    parsed.at("columns").get_to(invocation.columns);
    return invocation;
  } catch (const json::exception& error) {
    return Status(Code::kInvalidInput, std::string("not a command: ") + error.what())
        .WithError("WH8034");
  }
}
}  // namespace weirhouse::command
