// References to environment variables inside quoted configuration texts: '${env:NAME}' and
// '${env:NAME:-default}'.
//
// A definition keeps the reference, never the value. The reference is expanded where it is used, so
// that a secret is neither stored nor printed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse {

// The value of a variable, or nothing where it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// Reads the process's own environment. Threads: any, as long as no thread calls setenv.
std::optional<std::string> ProcessEnvironment(const std::string& name);

bool HasEnvironmentReference(std::string_view text);

// Replaces every reference in `text`. The value of a variable is inserted as it is, without a
// second expansion. A default also replaces an empty variable, as in a shell. All other text, "$"
// and "${x}" included, stays as it is.
//   kInvalidInput  a variable is not set and has no default, or a reference is not closed (WH2030);
//                  the message names the variable, never a value
Result<std::string> ExpandEnvironment(std::string_view text,
                                      const EnvironmentLookup& lookup = ProcessEnvironment);
}  // namespace weirhouse
