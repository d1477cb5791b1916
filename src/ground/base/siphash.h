// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein, "SipHash: a fast short-input PRF",
// INDOCRYPT 2012, and the authors' reference code for the long output).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace weirhouse {

// Ordered by `high`, then `low`.
struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

// A keyed hash: who does not know the key cannot make inputs that collide, so its outputs may stand
// for the inputs. Threads: any. Cost: about 25 ns for 20 bytes, a nanosecond for each byte more.
class SipHash128 {
 public:
  using Key = std::array<std::uint8_t, 16>;
  explicit SipHash128(const Key& key);
  Hash128 operator()(std::string_view bytes) const;
  // Another hash of the same secret, independent of this one.
  SipHash128 For(std::string_view purpose) const;

 private:
  std::uint64_t k0_;
  std::uint64_t k1_;
};
}  // namespace weirhouse
