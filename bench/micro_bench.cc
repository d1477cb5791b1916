// Single steps: a day's Parquet file, the plan of a year's scan, the kernel's sweep, decoding.
//
// WEIRHOUSE_BENCH_FOLDER names a scratch folder. The table of the scan stays there (its metadata
// file is named in `scan_table`), so that pyiceberg plans the very same one (micro_peers.py).
#include <arrow/api.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "flight_rows.h"
#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/iceberg/caching_store.h"
#include "ground/iceberg/table.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/sql/sql.h"
#include "measure.h"
#include "rules/contract/contract.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/rows/rows.h"

namespace weirhouse::bench {
namespace {
constexpr int kDays = 366;
constexpr std::int64_t kDayRows = 900;

std::string Folder() {
  const char* folder = std::getenv("WEIRHOUSE_BENCH_FOLDER");
  if (folder == nullptr) {
    Fail(Status(Code::kInvalidInput, "WEIRHOUSE_BENCH_FOLDER is not set"));
  }
  std::filesystem::create_directories(folder);
  return folder;
}

// A day of arrivals (900 rows × 12 columns) to one file, not fsynced.
void BM_WriteParquetDay(benchmark::State& state) {
  const auto rows = ArrivalRows(state.range(0), kYearBegin, kDayMicros, 0, /*seed=*/7);
  const auto schema = Must(Must(iceberg::Schema::FromArrow(*rows->schema())).ToArrow());
  const auto typed = arrow::Table::Make(schema, rows->columns());
  const std::string path = Folder() + "/day.parquet";
  for (auto _ : state) {
    Must(platform::LocalStore().Delete(path));
    benchmark::DoNotOptimize(Must(platform::WriteParquet(platform::LocalStore(), path, *typed)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_WriteParquetDay)
    ->Arg(kDayRows)
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMicrosecond);

// A table that grew by one file a day; made once, without fsync.
iceberg::TablePtr YearTable() {
  static const iceberg::TablePtr made = [] {
    SeededRandom random(7);
    iceberg::CachingStore store(platform::LocalStore());
    const auto first = ArrivalRows(1, kYearBegin, kDayMicros, 0, 7);
    iceberg::NewTable table;
    table.name = "processed.arrival";
    table.location = Folder() + "/year";
    table.schema = Must(iceberg::Schema::FromArrow(*first->schema()));
    iceberg::TablePtr now = Must(iceberg::MakeTable(table, random, SystemClock()));
    for (int day = 0; day < kDays; ++day) {
      iceberg::StageOptions stage;
      stage.run_name = fmt::format("r{}", day);
      stage.idempotency_key = stage.run_name;
      stage.now = ProcessTimeOfMicros(kYearBegin + (day + 1) * kDayMicros);
      iceberg::StagedWrite write(store, now, random, stage);
      Must(write.Append(
          *ArrivalRows(20, kYearBegin + day * kDayMicros, kDayMicros, day * kDayRows, 7)));
      now = Must(write.Finish()).table;
    }
    std::ofstream(Folder() + "/scan_table") << now->metadata_location;
    return now;
  }();
  return made;
}

// Plans a scan of 366 files with nothing cached: metadata, manifest list and manifests are read.
void BM_PlanScanOfYear(benchmark::State& state) {
  const std::string location = YearTable()->metadata_location;
  for (auto _ : state) {
    const auto table =
        Must(iceberg::LoadTable(platform::LocalStore(), "processed.arrival", location));
    const auto scan = Must(iceberg::Scan::Plan(platform::LocalStore(), table, {}));
    WEIRHOUSE_CHECK(scan.tasks().size() == kDays);
  }
  state.SetItemsProcessed(state.iterations() * kDays);
}
BENCHMARK(BM_PlanScanOfYear)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

constexpr char kView[] = R"(
feature_view: carrier_delay
version: 1
entity: { carrier: string }
source: processed.arrival_history
event_time: arrived_at
known_time: reported_at
windows: [1h, 24h, 7d]
features: { n: { agg: count }, mean: { agg: mean, of: arr_delay } }
)";

// The kernel's sweep: one carrier's year, a label at each of its rows, count and mean over three
// windows. The peer is pandas' rolling over the same number of rows.
void BM_KernelSweep(benchmark::State& state) {
  const std::int64_t count = state.range(0);
  const auto source = ArrivalRows(count, kYearBegin, 365 * kDayMicros, 0, /*seed=*/7, 1);
  const auto views = Must(feature::ParseFeatureViews(kView, "bench.yaml"));
  const auto plan = Must(feature::PlanView(views[0], {feature::ValueType::kInt64}));
  const auto engine = Must(platform::SqlEngine::Open({}));
  const auto session = Must(engine->Connect());
  const auto rows = Must(feature::BuildFeatureRows(plan, source, {"flight_id"}, *session));
  const auto loaded = Must(feature::LoadedView::Load(plan, *rows));
  const feature::EntityRowsView entity = loaded.Group(0);
  std::vector<feature::Label> labels;
  for (std::size_t i = entity.begin; i < entity.end; ++i) {
    labels.push_back({entity.rows->event_time[i], entity.rows->event_time[i]});
  }
  for (auto _ : state) {
    std::uint64_t sum = 0;
    Must(feature::EvaluateMany(plan, entity, labels,
                               [&](std::size_t, std::span<const feature::Cell> cells) {
                                 for (const feature::Cell& cell : cells) sum += cell.bits;
                               }));
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(BM_KernelSweep)->Arg(100'000)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

// One label asked alone, as an online request is: everything in the longest window is folded.
void BM_KernelOneLabel(benchmark::State& state) {
  const auto source = ArrivalRows(50'000, kYearBegin, 365 * kDayMicros, 0, /*seed=*/7, 1);
  const auto views = Must(feature::ParseFeatureViews(kView, "bench.yaml"));
  const auto plan = Must(feature::PlanView(views[0], {feature::ValueType::kInt64}));
  const auto engine = Must(platform::SqlEngine::Open({}));
  const auto session = Must(engine->Connect());
  const auto rows = Must(feature::BuildFeatureRows(plan, source, {"flight_id"}, *session));
  const auto loaded = Must(feature::LoadedView::Load(plan, *rows));
  std::vector<feature::Cell> cells(plan.outputs.size());
  const std::int64_t at = kYearBegin + 180 * kDayMicros;
  for (auto _ : state) {
    Must(feature::Evaluate(plan, loaded.Group(0), {at, at}, cells));
    benchmark::DoNotOptimize(cells.data());
  }
}
BENCHMARK(BM_KernelOneLabel)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);

std::string FileText(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  if (out.str().empty()) Fail(Status(Code::kNotFound, "no bytes in " + path));
  return out.str();
}

// JSON lines under the arrival contract of the flights example, to typed rows. The lines are a
// landed file (WEIRHOUSE_BENCH_JSONL), the contract is that of the project it landed in.
void BM_DecodeJsonLines(benchmark::State& state) {
  const char* landed = std::getenv("WEIRHOUSE_BENCH_JSONL");
  const char* contract_path = std::getenv("WEIRHOUSE_BENCH_CONTRACT");
  if (landed == nullptr || contract_path == nullptr) {
    state.SkipWithError("WEIRHOUSE_BENCH_JSONL and WEIRHOUSE_BENCH_CONTRACT are not set");
    return;
  }
  const std::string bytes = FileText(landed);
  const auto contract = std::make_shared<contract::Contract>(
      Must(contract::ParseContract(FileText(contract_path), contract_path)));
  const auto decoder = Must(contract::Decoder::Make(contract, {}));
  contract::ObjectContext context;
  context.source = "arrival";
  context.object_name = "day.jsonl";
  std::int64_t records = 0;
  for (auto _ : state) {
    const auto decoded = Must(decoder.Decode(bytes, context));
    records += decoded.record_count;
    WEIRHOUSE_CHECK(decoded.rows->num_rows() == decoded.record_count);
  }
  state.SetItemsProcessed(records);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(BM_DecodeJsonLines)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
}  // namespace
}  // namespace weirhouse::bench

BENCHMARK_MAIN();
