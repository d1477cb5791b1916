// The formats of data and delete files, by the names that manifests give them.
#pragma once

#include <cstdint>
#include <string_view>

namespace weirhouse::iceberg {

enum class FileFormat : std::uint8_t {
  kParquet,
  kAvro,
  kOrc,
  kPuffin,  // holds deletion vectors
  kOther,   // named by a manifest, but not by the specification
};

// Engines write the name in either case.
FileFormat FileFormatOf(std::string_view name);
// In capitals, as we write it; empty for kOther.
std::string_view NameOf(FileFormat format);
}  // namespace weirhouse::iceberg
