#include "ground/base/siphash.h"

#include <bit>
#include <cstring>

namespace weirhouse {
namespace {
std::uint64_t SipWord(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Compress(std::uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
  std::uint64_t Output() {
    for (int i = 0; i < 4; ++i) Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};
}  // namespace

SipHash128::SipHash128(const Key& key)
    : k0_(SipWord(reinterpret_cast<const char*>(key.data()))),
      k1_(SipWord(reinterpret_cast<const char*>(key.data()) + 8)) {}

Hash128 SipHash128::operator()(std::string_view bytes) const {
  SipState state{k0_ ^ 0x736f6d6570736575, k1_ ^ 0x646f72616e646f6d ^ 0xee,
                 k0_ ^ 0x6c7967656e657261, k1_ ^ 0x7465646279746573};
  const char* at = bytes.data();
  for (std::size_t words = bytes.size() / 8; words > 0; --words, at += 8)
    state.Compress(SipWord(at));
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
  for (std::size_t i = 0; i < bytes.size() % 8; ++i)
    last |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(at[i])) << (8 * i);
  state.Compress(last);
  state.v2 ^= 0xee;
  Hash128 hash;
  hash.high = state.Output();
  state.v1 ^= 0xdd;
  hash.low = state.Output();
  return hash;
}

SipHash128 SipHash128::For(std::string_view purpose) const {
  const Hash128 made = (*this)(purpose);
  SipHash128 other = *this;
  other.k0_ = made.high;
  other.k1_ = made.low;
  return other;
}
}  // namespace weirhouse
