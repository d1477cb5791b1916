// Errors of the operating system as ours.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {
// "could not open: No such file or directory: /a/b", with the code that says what to do next.
Status StatusOfErrno(int error, std::string_view what, const std::string& path);
}  // namespace weirhouse::platform
