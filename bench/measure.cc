#include "measure.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "ground/base/time.h"

namespace {
std::atomic<std::int64_t> fsync_calls{0};
std::atomic<std::int64_t> data_calls{0};
std::atomic<std::int64_t> fsync_nanoseconds{0};

int CountedSync(long call, int descriptor) {
  const auto begin = weirhouse::SystemClock().Monotonic();
  const int answer = static_cast<int>(syscall(call, descriptor));
  const auto took = weirhouse::SystemClock().Monotonic() - begin;
  fsync_calls.fetch_add(1, std::memory_order_relaxed);
  fsync_nanoseconds.fetch_add(took.count(), std::memory_order_relaxed);
  return answer;
}
}  // namespace

// Found before those of the C library, by every shared library too.
extern "C" int fsync(int descriptor) { return CountedSync(SYS_fsync, descriptor); }
extern "C" int fdatasync(int descriptor) {
  data_calls.fetch_add(1, std::memory_order_relaxed);
  return CountedSync(SYS_fdatasync, descriptor);
}

namespace weirhouse::bench {
namespace {
double WallNowMs() { return static_cast<double>(SystemClock().Monotonic().count()) / 1e6; }
double CpuNowMs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}
}  // namespace

void Fail(const Status& status) {
  fmt::print(stderr, "benchmark failed: {}\n", status.ToString());
  std::exit(1);
}

Stopwatch::Stopwatch() : wall_(WallNowMs()), cpu_(CpuNowMs()) {}
double Stopwatch::WallMs() const { return WallNowMs() - wall_; }
double Stopwatch::CpuMs() const { return CpuNowMs() - cpu_; }

double PeakMemoryMb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

double Percentile(std::vector<double> samples, double share) {
  WEIRHOUSE_CHECK(!samples.empty());
  std::sort(samples.begin(), samples.end());
  const auto rank =
      static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

FsyncCount FsyncsSoFar() {
  return {fsync_calls.load(), data_calls.load(),
          static_cast<double>(fsync_nanoseconds.load()) / 1e9};
}

Arguments::Arguments(int argc, char** argv, const std::vector<std::string>& known) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Fail(Status(Code::kInvalidInput, fmt::format("unknown argument \"{}\"", name)));
    }
    values_[name] = argv[i + 1];
  }
  if (argc % 2 == 0) {
    Fail(Status(Code::kInvalidInput, fmt::format("\"{}\" wants a value", argv[argc - 1])));
  }
}
std::string Arguments::Text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    Fail(Status(Code::kInvalidInput, fmt::format("the argument \"{}\" is missing", name)));
  }
  return found->second;
}
std::string Arguments::Text(const std::string& name, const std::string& fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second;
}
std::int64_t Arguments::Number(const std::string& name, std::int64_t fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : std::stoll(found->second);
}

void Report(nlohmann::json figure) {
  fmt::print("{}\n", figure.dump());
  std::fflush(stdout);
}
}  // namespace weirhouse::bench
