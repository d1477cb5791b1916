// Names of files as text. A file system takes any bytes for a name but "/" and NUL; catalogs, JSON
// and people take text.
#pragma once

#include <string>
#include <string_view>

namespace weirhouse::landing {
// `name` itself if it is UTF-8. Bytes that belong to no character are written \xHH, and in such a
// name every backslash is doubled, so that no two names have one text. (A name that is UTF-8 but
// holds "\xHH" or two backslashes in a row has its backslashes doubled too.)
std::string TextOfName(std::string_view name);
}  // namespace weirhouse::landing
