#include "ground/base/random.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "ground/base/status.h"

namespace weirhouse {
namespace {
class KernelRandom : public Random {
 public:
  std::uint64_t Next() override {
    std::uint64_t value = 0;
    WEIRHOUSE_CHECK(getrandom(&value, sizeof(value), 0) == static_cast<ssize_t>(sizeof(value)));
    return value;
  }
};

std::string FormatUuid(std::uint64_t high, std::uint64_t low) {
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffffULL);
}
constexpr std::uint64_t kVariant = 0x8000000000000000ULL;
constexpr std::uint64_t kVariantMask = 0x3fffffffffffffffULL;
}  // namespace

std::string Random::Uuid4() {
  const std::uint64_t high = (Next() & ~0xf000ULL) | 0x4000ULL;
  return FormatUuid(high, (Next() & kVariantMask) | kVariant);
}
std::string Random::Uuid7(ProcessTime now) {
  const auto ms = static_cast<std::uint64_t>(Micros(now) / 1000);
  const std::uint64_t high = (ms << 16) | 0x7000ULL | (Next() & 0xfffULL);
  return FormatUuid(high, (Next() & kVariantMask) | kVariant);
}

Random& SystemRandom() {
  static KernelRandom random;
  return random;
}

std::uint64_t SeededRandom::Next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}
}  // namespace weirhouse
