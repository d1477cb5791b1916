// Numbers of runs and their manifests as bytes, in little-endian order. Threads: any.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace weirhouse::platform {

inline std::uint64_t GetU64(const char* bytes) {
  std::uint64_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
}
inline std::uint32_t GetU32(const char* bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return std::endian::native == std::endian::little ? value : __builtin_bswap32(value);
}
inline void SetU64(char* bytes, std::uint64_t value) {
  if constexpr (std::endian::native != std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(bytes, &value, sizeof(value));
}
inline void SetU32(char* bytes, std::uint32_t value) {
  if constexpr (std::endian::native != std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(bytes, &value, sizeof(value));
}
inline void AppendU64(std::string& bytes, std::uint64_t value) {
  char eight[8];
  SetU64(eight, value);
  bytes.append(eight, sizeof(eight));
}
inline void AppendU32(std::string& bytes, std::uint32_t value) {
  char four[4];
  SetU32(four, value);
  bytes.append(four, sizeof(four));
}
}  // namespace weirhouse::platform
