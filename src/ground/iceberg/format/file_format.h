// The formats of data and delete files, with their names in manifests.
#pragma once

#include <cstdint>
#include <string_view>

namespace weirhouse::iceberg {

enum class FileFormat : std::uint8_t {
  kParquet,
  kAvro,
  kOrc,
  kPuffin,  // holds deletion vectors
  kOther,   // a name that the specification does not define
};

// Parses the name, in upper or lower case, as engines write both.
FileFormat ParseFileFormat(std::string_view name);
// The name in capitals, as we write it; empty for kOther.
std::string_view NameOf(FileFormat format);
}  // namespace weirhouse::iceberg
