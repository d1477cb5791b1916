// What the user asked for: the verb, its words and options, and the terminal it was typed on.
//
// A value that travels as JSON: from the thin executable to the core library, and from there to the
// daemon of a project.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::command {

inline constexpr int kColumnsDefault = 100;  // of an output that is not a terminal

struct Invocation {
  std::string verb;                // "gate override"; an entry of the verb table
  std::vector<std::string> words;  // what stands after the verb
  // By name without dashes; a flag has one empty value.
  std::map<std::string, std::vector<std::string>> options;

  bool json = false;
  bool jsonl = false;
  bool quiet = false;
  int verbose = 0;
  bool yes = false;
  bool no_input = false;
  bool color = false;  // decided: --color, NO_COLOR and the terminal
  bool dry_run = false;
  std::string project;  // --project; empty = found from cwd
  std::string profile;  // --profile; empty = local
  std::string at;       // --at
  std::string cwd;
  std::string user;  // who runs the command; recorded with decisions
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  int columns = kColumnsDefault;

  bool Has(std::string_view option) const;
  // The last value of an option.
  std::optional<std::string> Option(std::string_view option) const;
  std::vector<std::string> Options(std::string_view option) const;
  // Words[index], or empty.
  std::string Word(std::size_t index) const;
};

nlohmann::json ToJson(const Invocation& invocation);
//   kInvalidInput  not an invocation (WH8034)
Result<Invocation> InvocationFromJson(std::string_view text);
}  // namespace weirhouse::command
