// One gate over one Parquet file; the peers are in gate_bench.py.
//
//   gate_bench --file FILE --gate GATE.yaml [--rounds N]
//
// One round judges from the file. More judge rows that were read into memory before, as a pipeline
// has those of a batch; the first round is then left out of the median.
#include <arrow/api.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "ground/platform/io/local_store.h"
#include "ground/platform/process/heap.h"
#include "ground/platform/sql/sql.h"
#include "measure.h"
#include "rules/gate/judge/judge.h"  // and the sources of rows
#include "rules/gate/parse/parse_gates.h"

namespace weirhouse::bench {
namespace {
std::string TextOf(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

gate::GateInput InputOf(const std::string& file, bool in_memory) {
  gate::GateInput input;
  input.batch = "bench";
  input.batch_end = input.now = EventTimeOfMicros(1'790'000'000'000'000);
  input.this_source = Must(gate::RowsOfParquet(platform::LocalStore(), {file}));
  input.failing_rows_max = 1000;  // the peers return 20
  if (!in_memory) return input;
  input.this_rows = Must(gate::ReadAll(*input.this_source, {}, {}));
  input.this_source = nullptr;
  return input;
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  weirhouse::platform::ShareOneHeap();  // as the product's entry does
  using namespace weirhouse;
  using namespace weirhouse::bench;
  const Arguments arguments(argc, argv, {"--file", "--gate", "--rounds"});
  const std::string path = arguments.Text("--gate");
  const auto gates = Must(gate::ParseGates(TextOf(path), path));
  const auto engine = Must(platform::SqlEngine::Open({}));
  const auto session = Must(engine->Connect());
  std::vector<double> cpu;
  std::vector<double> wall;
  gate::GateReport report;
  const std::int64_t rounds = arguments.Number("--rounds", 1);
  std::optional<gate::GateInput> kept;
  if (rounds > 1) kept = InputOf(arguments.Text("--file"), /*in_memory=*/true);
  for (std::int64_t i = 0; i < rounds; ++i) {
    const Stopwatch watch;
    report = gate::JudgeGate(gates.front(), kept ? *kept : InputOf(arguments.Text("--file"), false),
                             *session);
    if (i == 0 && rounds > 1) continue;
    cpu.push_back(watch.CpuMs());
    wall.push_back(watch.WallMs());
  }
  nlohmann::json checks = nlohmann::json::array();
  for (const gate::CheckResult& check : report.checks) {
    checks.push_back({{"name", check.name},
                      {"state", catalog::Name(check.state)},
                      {"bad", check.bad},
                      {"observed", check.observed},
                      {"reason", check.reason},
                      {"us", check.duration_us}});
  }
  Report({{"cpu_ms", Median(cpu)},
          {"wall_ms", Median(wall)},
          {"peak_mb", PeakMemoryMb()},
          {"failing_rows", report.failing_rows ? report.failing_rows->num_rows() : 0},
          {"checks", checks}});
  return 0;
}
