// One spelling for each location. Engines write the same file as "/lake/a", "file:///lake/a",
// "file:/lake/a" or "/lake//./a"; locations are compared, looked up and stored as keys in this
// canonical form. Pure; threads: any; no errors.
#pragma once

#include <string>
#include <string_view>

namespace weirhouse::platform {
// The absolute path that `location` names, without "file:", doubled slashes, "." and a slash at the
// end, and with ".." resolved in the text. Anything but an absolute local path ("s3://…", "a/b")
// stays as it is. Percent signs stay: Iceberg's readers and writers take them literally.
// Cost: one pass.
std::string CanonicalPath(std::string_view location);
// As CanonicalPath, with %XX decoded, as some clients do. Code that deletes files spares both
// spellings.
std::string DecodedPath(std::string_view location);
// Whether `path` is `folder` or lies in it; both canonical.
bool IsInFolder(std::string_view path, std::string_view folder);
}  // namespace weirhouse::platform
