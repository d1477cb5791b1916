// Lives of a pipeline by the thousand, on all cores; a life that fails is told with its seed, its
// steps and what did not hold, and `--seed S` lives it again.
//
//   simulate [--seconds N | --lives N] [--first S] [--jobs N] [--plant NAME]
//   simulate --seed S [--plant NAME]
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "ground/base/time.h"
#include "testing/simulator/life.h"

namespace weirhouse::simulator {
namespace {
constexpr int kToldMax = 3;  // violations of one worker, before it stops

struct Options {
  std::int64_t seconds = 0;
  std::int64_t lives = 0;
  std::uint64_t first = 1;
  int jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  bool one = false;
  Plant plant = Plant::kNone;
};

// What a worker did, in memory that the parent sees, whatever ends the worker.
struct Tally {
  std::uint64_t at_seed = 0;
  bool finished = false;
  std::int64_t lives = 0;
  std::int64_t violations = 0;
  std::int64_t calls = 0;
  std::int64_t records = 0;
  std::int64_t commits = 0;
  std::int64_t faults = 0;
  std::int64_t kills = 0;
  std::int64_t power_losses = 0;
  std::int64_t halts = 0;
  std::int64_t decisions = 0;
  std::int64_t poisons = 0;
};

double Elapsed(std::chrono::nanoseconds since) {
  return std::chrono::duration<double>(SystemClock().Monotonic() - since).count();
}

void Tell(const LifeReport& report, const Options& options, bool steps) {
  std::string text;
  if (steps) {
    for (const std::string& step : report.steps) text += "  " + step + "\n";
  }
  const std::string plant =
      options.plant == Plant::kNone ? "" : fmt::format(" --plant {}", NameOf(options.plant));
  text += report.violation
              ? fmt::format("seed {}: {}\nreplay: tools/simulate --seed {}{}\n", report.seed,
                            *report.violation, report.seed, plant)
              : fmt::format(
                    "seed {}: all invariants hold; {} calls, {} faults, {} kills, {} power "
                    "losses, {} commits, digest {}\n",
                    report.seed, report.calls, report.faults, report.kills, report.power_losses,
                    report.commits, report.digest);
  fmt::print("{}", text);
  std::fflush(stdout);
}

void Work(const Options& options, int number, Tally& tally) {
  const auto began = SystemClock().Monotonic();
  Stage stage;
  const auto stride = static_cast<std::uint64_t>(options.jobs);
  for (std::uint64_t i = static_cast<std::uint64_t>(number);; i += stride) {
    if (options.lives > 0 && i >= static_cast<std::uint64_t>(options.lives)) break;
    if (options.seconds > 0 && Elapsed(began) >= static_cast<double>(options.seconds)) break;
    tally.at_seed = options.first + i;
    const LifeReport report = Live(stage, options.first + i, options.plant);
    ++tally.lives;
    tally.calls += report.calls;
    tally.records += report.records;
    tally.commits += report.commits;
    tally.faults += report.faults;
    tally.kills += report.kills;
    tally.power_losses += report.power_losses;
    tally.halts += report.halts;
    tally.decisions += report.decisions;
    tally.poisons += report.poisons;
    if (!report.violation) continue;
    Tell(report, options, /*steps=*/true);
    if (++tally.violations == kToldMax || options.plant != Plant::kNone) break;
  }
  tally.finished = true;
}

int RunMany(const Options& options) {
  const auto began = SystemClock().Monotonic();
  const auto count = static_cast<std::size_t>(options.jobs);
  void* const memory = mmap(nullptr, count * sizeof(Tally), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  auto* const tallies = static_cast<Tally*>(memory);
  // Processes and not threads: caches of parsed files belong to a process, as they do in life.
  for (int number = 0; number < options.jobs; ++number) {
    new (&tallies[number]) Tally();
    const pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) {
      Work(options, number, tallies[number]);
      std::exit(0);
    }
  }
  while (wait(nullptr) > 0) {
  }
  Tally all;
  for (const Tally* tally = tallies; tally != tallies + count; ++tally) {
    if (!tally->finished) {
      fmt::print("seed {}: the process ended amid it\nreplay: tools/simulate --seed {}\n",
                 tally->at_seed, tally->at_seed);
      ++all.violations;
    }
    all.lives += tally->lives;
    all.violations += tally->violations;
    all.calls += tally->calls;
    all.records += tally->records;
    all.commits += tally->commits;
    all.faults += tally->faults;
    all.kills += tally->kills;
    all.power_losses += tally->power_losses;
    all.halts += tally->halts;
    all.decisions += tally->decisions;
    all.poisons += tally->poisons;
  }
  const double seconds = Elapsed(began);
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  const double cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  fmt::print(
      "{} lives from seed {} in {:.0f} s ({:.0f} a minute, {:.0f} ms of CPU each): {} records, {} "
      "commits, {} calls, {} faults met ({} kills, {} power losses), {} halts, {} decisions, {} "
      "poisons; "
      "violations {}\n",
      all.lives, options.first, seconds, static_cast<double>(all.lives) * 60 / seconds,
      cpu * 1000 / static_cast<double>(std::max<std::int64_t>(all.lives, 1)), all.records,
      all.commits, all.calls, all.faults, all.kills, all.power_losses, all.halts, all.decisions,
      all.poisons, all.violations);
  return all.violations == 0 ? 0 : 1;
}

int RunOne(const Options& options) {
  Stage stage;
  const LifeReport report = Live(stage, options.first, options.plant);
  Tell(report, options, /*steps=*/true);
  return report.violation ? 1 : 0;
}

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    const std::int64_t number = std::atoll(value.c_str());
    if (name == "--seconds") {
      options.seconds = number;
    } else if (name == "--lives") {
      options.lives = number;
    } else if (name == "--first" || name == "--seed") {
      options.first = static_cast<std::uint64_t>(number);
      options.one = options.one || name == "--seed";
    } else if (name == "--jobs") {
      options.jobs = static_cast<int>(std::clamp<std::int64_t>(number, 1, 64));
    } else if (name == "--plant" && FindPlant(value)) {
      options.plant = *FindPlant(value);
    } else {
      return false;
    }
  }
  if (options.seconds == 0 && options.lives == 0) options.seconds = 20;
  return argc % 2 == 1;
}
}  // namespace

int Main(int argc, char** argv) {
  // What one life frees the next takes: not given back to the system in between.
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 16 << 20);
  mallopt(M_MXFAST, 0);  // small pieces are kept by the thread; the next layer is only merged again
  Options options;
  if (!Parse(argc, argv, options)) {
    fmt::print(stderr,
               "simulate [--seconds N | --lives N] [--first S] [--jobs N] [--plant NAME]\n"
               "simulate --seed S [--plant NAME]\nplants:");
    for (const PlantName& one : PlantNames()) fmt::print(stderr, " {}", one.name);
    fmt::print(stderr, "\n");
    return 2;
  }
  return options.one ? RunOne(options) : RunMany(options);
}
}  // namespace weirhouse::simulator

int main(int argc, char** argv) { return weirhouse::simulator::Main(argc, argv); }
