// One spelling for one place. Engines name the same file "/lake/a", "file:///lake/a",
// "file:/lake/a" and "/lake//./a"; what is compared, looked up or stored as a key is compared in
// this form.
#pragma once

#include <string>
#include <string_view>

namespace weirhouse::platform {
// The absolute path that `location` names: without "file:", doubled slashes, "." and a slash at its
// end, ".." resolved by the text. What is no absolute path of this machine ("s3://…", "a/b") stays
// as it is. Percent signs stay: writers and readers of Iceberg take them literally.
// Cost: one look at the text where it is in that form already.
std::string CanonicalPath(std::string_view location);
// The same with %XX decoded, which some clients do: where a file must not be removed by mistake,
// both are spared.
std::string DecodedPath(std::string_view location);
// Whether `path` is `folder` or lies in it; both canonical.
bool IsInFolder(std::string_view path, std::string_view folder);
}  // namespace weirhouse::platform
