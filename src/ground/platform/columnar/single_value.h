// Iceberg's single-value bytes (spec, appendix D).
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weirhouse::platform {

// The bytes of one cell that is not null; nothing if the type has no such form (lists, structs).
std::optional<std::string> EncodeCell(const arrow::Array& array, std::int64_t index);

// `text` cut to 16 code points, as a lower bound may be.
std::string CutTextLower(std::string_view text);
// The same as an upper bound: the last code point raised so that nothing cut away lies above it;
// nothing if none can be raised.
std::optional<std::string> CutTextUpper(std::string_view text);
// The same for bytes: cut to 16.
std::string CutBytesLower(std::string_view bytes);
std::optional<std::string> CutBytesUpper(std::string_view bytes);
}  // namespace weirhouse::platform
