// Iceberg's single-value bytes (Apache Iceberg table spec, appendix D).
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weirhouse::platform {

// The bytes of one cell, which must not be null; nothing if the type has no such form (lists,
// structs).
std::optional<std::string> EncodeCell(const arrow::Array& array, std::int64_t index);

// `text` cut to 16 code points, as a lower bound may be.
std::string CutTextLower(std::string_view text);
// `text` cut to 16 code points, as an upper bound: the last code point is raised so that the bound
// lies above whatever was cut off; nothing if no code point can be raised.
std::optional<std::string> CutTextUpper(std::string_view text);
// As above for bytes: cut to 16 bytes.
std::string CutBytesLower(std::string_view bytes);
std::optional<std::string> CutBytesUpper(std::string_view bytes);
}  // namespace weirhouse::platform
