// Many short digests. OpenSSL prepares each message (a look-up of the algorithm, two locks, a
// context) for longer than it hashes a row of 70 bytes, so the processor's own instructions are
// used where it has them: FIPS 180-4, in the order of Intel's "New Instructions Supporting the
// Secure Hash Algorithm" (2013), two messages at once, because each round waits for the one before.
#include "ground/base/hash/sha256_each.h"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace weirhouse {
namespace {
void DigestOneByOne(std::span<const std::string_view> messages, Digest* digests) {
  Sha256 hash;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    hash.Update(messages[i]);
    digests[i] = hash.Finish();
  }
}

#if defined(__x86_64__)
constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kLengthBytes = 8;

alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

bool HasShaInstructions() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & bit_SHA) == 0) return false;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0 && (c & bit_SSSE3) != 0;
}

#define WEIRHOUSE_SHA __attribute__((target("sha,sse4.1,ssse3"), always_inline)) inline

// The two halves of a state, in the order that the instructions want: ABEF and CDGH.
struct ShaState {
  __m128i abef;
  __m128i cdgh;
};

template <int kLanes>
WEIRHOUSE_SHA void Compress(ShaState* states, const char* const* blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i words[kLanes][4];
  __m128i abef[kLanes];
  __m128i cdgh[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    abef[lane] = states[lane].abef;
    cdgh[lane] = states[lane].cdgh;
    for (int i = 0; i < 4; ++i) {
      const auto* const from = reinterpret_cast<const __m128i*>(blocks[lane] + 16 * i);
      words[lane][i] = _mm_shuffle_epi8(_mm_loadu_si128(from), big_endian);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {  // four rounds each
    const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kRound + 4 * i));
#pragma GCC unroll 2
    for (int lane = 0; lane < kLanes; ++lane) {
      __m128i* const w = words[lane];
      const __m128i now = w[i & 3];
      const __m128i sum = _mm_add_epi32(now, constants);
      cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
      if (i >= 3 && i <= 14) {
        const __m128i shifted = _mm_alignr_epi8(now, w[(i - 1) & 3], 4);
        w[(i + 1) & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(w[(i + 1) & 3], shifted), now);
      }
      abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(sum, 0x0e));
      if (i >= 1 && i <= 12) w[(i - 1) & 3] = _mm_sha256msg1_epu32(w[(i - 1) & 3], now);
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    states[lane].abef = _mm_add_epi32(states[lane].abef, abef[lane]);
    states[lane].cdgh = _mm_add_epi32(states[lane].cdgh, cdgh[lane]);
  }
}

WEIRHOUSE_SHA Digest DigestOf(const ShaState& state) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0);
  const __m128i hgfe = _mm_alignr_epi8(dchg, feba, 8);
  Digest digest;
  auto* const to = reinterpret_cast<__m128i*>(digest.bytes.data());
  _mm_storeu_si128(to, _mm_shuffle_epi8(dcba, big_endian));
  _mm_storeu_si128(to + 1, _mm_shuffle_epi8(hgfe, big_endian));
  return digest;
}

std::size_t BlocksOf(std::string_view message) {
  return (message.size() + 1 + kLengthBytes + kBlockBytes - 1) / kBlockBytes;
}

// The end of a message: what does not fill a block, a bit, and the length in bits.
struct Tail {
  char bytes[2 * kBlockBytes];
  std::size_t first = 0;  // the block of the message that this begins with

  void Fill(std::string_view message) {
    first = message.size() / kBlockBytes;
    const std::size_t size = (BlocksOf(message) - first) * kBlockBytes;
    const std::size_t rest = message.size() % kBlockBytes;
    std::memset(bytes, 0, size);
    if (rest > 0) std::memcpy(bytes, message.data() + first * kBlockBytes, rest);
    bytes[rest] = static_cast<char>(0x80);
    const std::uint64_t bits = __builtin_bswap64(static_cast<std::uint64_t>(message.size()) * 8);
    std::memcpy(bytes + size - kLengthBytes, &bits, kLengthBytes);
  }
  const char* Block(std::string_view message, std::size_t block) const {
    return block < first ? message.data() + block * kBlockBytes
                         : bytes + (block - first) * kBlockBytes;
  }
};

// `messages` have equally many blocks.
template <int kLanes>
WEIRHOUSE_SHA void DigestLanes(const std::string_view* messages, Digest* digests) {
  const ShaState initial{
      _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                    static_cast<int>(0x9b05688c)),
      _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19)};
  ShaState states[kLanes];
  Tail tails[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    states[lane] = initial;
    tails[lane].Fill(messages[lane]);
  }
  const std::size_t blocks = BlocksOf(messages[0]);
  for (std::size_t block = 0; block < blocks; ++block) {
    const char* now[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) now[lane] = tails[lane].Block(messages[lane], block);
    Compress<kLanes>(states, now);
  }
  for (int lane = 0; lane < kLanes; ++lane) digests[lane] = DigestOf(states[lane]);
}

__attribute__((target("sha,sse4.1,ssse3"))) void DigestByInstructions(
    std::span<const std::string_view> messages, Digest* digests) {
  std::size_t i = 0;
  while (i + 1 < messages.size()) {
    if (BlocksOf(messages[i]) == BlocksOf(messages[i + 1])) {
      DigestLanes<2>(&messages[i], digests + i);
      i += 2;
    } else {
      DigestLanes<1>(&messages[i], digests + i);
      ++i;
    }
  }
  if (i < messages.size()) DigestLanes<1>(&messages[i], digests + i);
}
#endif
}  // namespace

void Sha256OfEach(std::span<const std::string_view> messages, Digest* digests) {
#if defined(__x86_64__)
  static const bool by_instructions = HasShaInstructions();
  if (by_instructions) return DigestByInstructions(messages, digests);
#endif
  DigestOneByOne(messages, digests);
}
}  // namespace weirhouse
