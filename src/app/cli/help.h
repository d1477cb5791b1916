// Texts made from the verb table: --help, completion scripts, the manual page.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::cli {

// Help about `topic`: a verb, a family of verbs, or everything if empty.
//   kInvalidInput  no such verb (WH8030)
Result<std::string> HelpText(std::string_view topic);
// bash, zsh or fish; asks `wh names KIND` for live names.
//   kInvalidInput  another shell (WH8033)
Result<std::string> CompletionScript(std::string_view shell);
// roff, for man(1).
std::string ManPage(std::string_view version);
}  // namespace weirhouse::cli
