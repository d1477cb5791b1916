// Errors of the operating system as ours.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {
// The status of an errno: "could not open: No such file or directory: /a/b", with a hint where one
// helps.
Status ErrnoToStatus(int error, std::string_view what, const std::string& path);
}  // namespace weirhouse::platform
