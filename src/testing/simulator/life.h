// One simulated life of a pipeline, derived from one seed: files land, runs start and end, the disk
// fails, the process dies, the power fails. After each death and at the end the invariants are
// checked. The same seed makes the same calls in the same order.
//
// Modelled on TigerBeetle's VOPR and RocksDB's stress test: the real code of every step runs on a
// simulated disk (simulated_disk.h) and database file (simulated_sqlite.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "testing/simulator/plant.h"
#include "testing/simulator/stage.h"

namespace weirhouse::simulator {

struct LifeReport {
  std::uint64_t seed = 0;
  std::vector<std::string> steps;        // one line each
  std::optional<std::string> violation;  // "I2 single effect: …"; absent: all held
  // What happened, to show whether a life reaches what it is for.
  std::int64_t calls = 0;  // of disk and database
  std::int64_t records = 0;
  std::int64_t commits = 0;
  std::int64_t faults = 0;  // that occurred
  std::int64_t kills = 0;
  std::int64_t power_losses = 0;
  std::int64_t halts = 0;
  std::int64_t decisions = 0;
  std::int64_t poisons = 0;  // objects whose parsing ended the process until they were set aside
  std::string digest;        // of the steps and of what the tables hold at the end
};

// The only failure is a violation. Cost: about a tenth of a second.
LifeReport Live(Stage& stage, std::uint64_t seed, Plant plant = Plant::kNone);
}  // namespace weirhouse::simulator
