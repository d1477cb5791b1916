// Deflated bytes of Avro blocks and of gzipped metadata files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weirhouse::iceberg {

enum class DeflateForm : std::uint8_t {
  kRaw,   // as Avro wants it
  kGzip,  // one member
};
inline bool IsGzip(std::string_view bytes) { return bytes.substr(0, 2) == "\x1f\x8b"; }

// Absent if the bytes are damaged or cut, or inflate to more than `bytes_max`.
std::optional<std::string> Inflate(std::string_view bytes, DeflateForm form, std::size_t bytes_max);
// At the fastest level: what is written at each commit is read a few times.
std::string Deflate(std::string_view bytes, DeflateForm form);
}  // namespace weirhouse::iceberg
