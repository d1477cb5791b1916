// argv → Invocation, by the verb table. Pure: the terminal comes in as a value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/command/invocation.h"
#include "ground/base/status.h"

namespace weirhouse::cli {

inline constexpr std::size_t kArgumentsMax = 10'000;

// Where the command was typed.
struct Terminal {
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  bool no_color = false;  // NO_COLOR is set
  int columns = command::kColumnsDefault;
  std::string cwd;
  std::string user;
};

struct CommandLine {
  enum class Kind : std::uint8_t { kRun, kHelp, kVersion };
  Kind kind = Kind::kRun;
  // kHelp: the verb or family that was asked about, or empty.
  command::Invocation invocation;
};

// `arguments` without the program's name.
//   kInvalidInput  an unknown verb (WH8030) or a wrong option or word (WH8033), with a suggestion
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                     const Terminal& terminal);
// What printing an error needs of an invocation that may not parse: JSON or text, colours.
command::Invocation OutputWishes(const std::vector<std::string>& arguments,
                                 const Terminal& terminal);
}  // namespace weirhouse::cli
