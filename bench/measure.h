// What the benchmarks share: clocks, order statistics, counted fsyncs, and the file of results.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::bench {

// Ends the benchmark: a figure measured after a failure would mean nothing.
[[noreturn]] void Fail(const Status& status);
inline void Must(const Status& status) {
  if (!status.ok()) Fail(status);
}
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) Fail(result.status());
  return std::move(result).value();
}

// Wall and CPU time (of all threads of this process) since it was made.
class Stopwatch {
 public:
  Stopwatch();
  double WallMs() const;
  double CpuMs() const;

 private:
  double wall_;
  double cpu_;
};
double PeakMemoryMb();

// `share` 0.5 = the median. Nearest rank; `samples` must not be empty.
double Percentile(std::vector<double> samples, double share);
inline double Median(std::vector<double> samples) { return Percentile(std::move(samples), 0.5); }

// fsync and fdatasync of this process, whoever calls them (SQLite and RocksDB too): the benchmark
// stands in front of the C library's functions. Seconds are summed over threads.
struct FsyncCount {
  std::int64_t calls = 0;
  std::int64_t data_calls = 0;  // of them fdatasync: SQLite's and RocksDB's, one after the other
  double seconds = 0;
};
FsyncCount FsyncsSoFar();

// `--name value` pairs, every one of which must be in `known`.
class Arguments {
 public:
  Arguments(int argc, char** argv, const std::vector<std::string>& known);
  std::string Text(const std::string& name) const;  // required
  std::string Text(const std::string& name, const std::string& fallback) const;
  std::int64_t Number(const std::string& name, std::int64_t fallback) const;

 private:
  std::map<std::string, std::string> values_;
};

// One figure: {"name", "value", "unit"} and, where there are any, "peer", "peer_value", "budget",
// "note". Printed to stdout as one line of JSON, which tools/bench collects.
void Report(nlohmann::json figure);
}  // namespace weirhouse::bench
