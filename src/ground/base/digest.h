// SHA-256, and the canonical byte forms that are fed to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace weirhouse {

// 32 bytes of SHA-256 (FIPS 180-4). Ordered as bytes.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  friend auto operator<=>(const Digest&, const Digest&) = default;
  std::string ToHex() const;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};
// False if `hex` is not 64 hexadecimal digits.
bool ParseDigest(std::string_view hex, Digest* digest);

// Hashes bytes that come in pieces. Threads: one. Cost: about 1 GB/s where the processor has SHA
// instructions.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(std::string_view bytes);
  // Writes an 8-byte little-endian length and then the bytes, so that pieces cannot run together.
  void UpdateSized(std::string_view bytes);
  void UpdateInt(std::int64_t value);
  Digest Finish();  // resets

 private:
  struct State;
  std::unique_ptr<State> state_;
};
Digest Sha256Of(std::string_view bytes);
// The digest of the pieces, each preceded by its length: {"a","bc"} and {"ab","c"} differ.
Digest Sha256OfPieces(std::span<const std::string> pieces);

std::string ToHex(std::string_view bytes);
// A portable 64-bit hash (FNV-1a) for tables in memory; never stored.
std::uint64_t HashBytes(std::string_view bytes);
}  // namespace weirhouse
