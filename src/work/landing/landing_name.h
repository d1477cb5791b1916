// Names of files as text. A file system allows any bytes in a name except "/" and NUL; catalogs,
// JSON and people need text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace weirhouse::landing {
// `name` itself if it is UTF-8. Otherwise bytes that belong to no character are written \xHH and
// every backslash is doubled, so that no two names have the same text. (A UTF-8 name that holds
// "\xHH" or two backslashes in a row has its backslashes doubled too.)
std::string TextOfName(std::string_view name);
}  // namespace weirhouse::landing
