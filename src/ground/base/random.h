// Randomness behind an interface, so that a seed replays a run.
#pragma once

#include <cstdint>
#include <string>

#include "ground/base/time.h"

namespace weirhouse {

// Threads: one, unless said otherwise.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;

  // Uniform in [0, bound), bound > 0, without modulo bias worth noticing (bound << 2^64).
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  // A positive 63-bit id, as Iceberg requires for snapshots.
  std::int64_t PositiveId() { return static_cast<std::int64_t>((Next() >> 1) | 1); }
  // 32 hexadecimal digits in UUID form, version 4.
  std::string Uuid4();
  // Version 7 (RFC 9562): milliseconds first, so that ids sort by time.
  std::string Uuid7(ProcessTime now);
};

// The operating system's generator. Threads: any.
Random& SystemRandom();

// splitmix64 (Steele, Lea, Flood, OOPSLA 2014): tiny, seeded, good enough for tests and faults.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() override;

 private:
  std::uint64_t state_;
};
}  // namespace weirhouse
