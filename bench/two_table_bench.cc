// What one commit of two tables costs, and whether it grows with history.
//
//   two_table_bench --folder DIR --commits N
//
// Each commit: 1,000 rows appended to each of two tables, a run with lineage, a gate's verdict with
// its metrics, a consumer's offset and an outbox event, in one transaction, durable when it
// returns.
#include <arrow/api.h>
#include <fmt/format.h>

#include <filesystem>

#include "flight_rows.h"
#include "ground/base/digest.h"
#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/caching_store.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "measure.h"

namespace weirhouse::bench {
namespace {
constexpr std::int64_t kRows = 1'000;
constexpr double kBudgetMs = 15;
constexpr double kFsyncs = 3;
const char* const kTables[] = {"processed.arrival", "processed.departure"};

class Commits {
 public:
  explicit Commits(const std::string& folder)
      : random_(7), catalog_(Must(catalog::OpenSqliteCatalog(folder + "/catalog.db"))) {
    const auto rows = ArrivalRows(1, kYearBegin, kDayMicros, 0, 7);
    for (const char* name : kTables) {
      iceberg::NewTable table;
      table.name = name;
      table.location = folder + "/lake/" + name;
      table.schema = Must(iceberg::Schema::FromArrow(*rows->schema()));
      tables_[name] = Must(iceberg::MakeTable(table, random_, SystemClock()));
    }
  }

  // Milliseconds of one commit.
  double One(std::int64_t number) {
    const auto rows =
        ArrivalRows(kRows, kYearBegin + number * kDayMicros, kDayMicros, number * kRows, 7);
    const Stopwatch watch;
    const std::string key = fmt::format("commit {}", number);
    catalog::RunPlan plan;
    plan.kind = catalog::RunKind::kProcessed;
    plan.name = key;
    plan.step_identity = Sha256Of(key);
    plan.idempotency_key = key;
    const catalog::Run run = Must(catalog_->PlanRun(plan));
    catalog::CommitRequest request;
    request.run = run.id;
    request.idempotency_key = key;
    request.layer = catalog::Layer::kProcessed;
    request.batch = key;
    std::vector<std::string> paths;
    for (const char* name : kTables) Stage(name, rows, run, request, paths);
    Judge(request, number);
    Must(platform::LocalStore().Flush(paths));
    Must(catalog_->Commit(request));
    return watch.WallMs();
  }

 private:
  void Stage(const std::string& name, const std::shared_ptr<arrow::Table>& rows,
             const catalog::Run& run, catalog::CommitRequest& request,
             std::vector<std::string>& paths) {
    iceberg::StageOptions stage;
    stage.run_name = ToString(run.id);
    stage.idempotency_key = request.idempotency_key;
    stage.now = SystemClock().Now();
    iceberg::StagedWrite write(store_, tables_[name], random_, stage);
    Must(write.Append(*rows));
    const iceberg::StagedTable staged = Must(write.Finish());
    request.tables.push_back(staged.change);
    request.snapshots.insert(request.snapshots.end(), staged.snapshots.begin(),
                             staged.snapshots.end());
    request.files.insert(request.files.end(), staged.files.begin(), staged.files.end());
    paths.insert(paths.end(), staged.paths_to_sync.begin(), staged.paths_to_sync.end());
    tables_[name] = staged.table;
  }

  static void Judge(catalog::CommitRequest& request, std::int64_t number) {
    catalog::VerdictRecord verdict;
    verdict.gate = "arrival";
    verdict.table = kTables[0];
    verdict.state = catalog::VerdictState::kPassed;
    verdict.batch = request.batch;
    verdict.checks = {{{"name", "row_count"}, {"state", "passed"}, {"observed", kRows}}};
    request.verdicts.push_back(std::move(verdict));
    catalog::MetricRecord metric;
    metric.table = kTables[0];
    metric.name = "row_count";
    metric.batch = request.batch;
    metric.value = kRows;
    request.metrics.push_back(std::move(metric));
    request.offsets.push_back({"processed", number, number + 1, 0});
    catalog::OutboxEvent event;
    event.type = "weirhouse.table.committed";
    event.subject = kTables[0];
    event.data = {{"rows_added", kRows}};
    request.events.push_back(std::move(event));
    request.lineage.Uses({catalog::NodeKind::kCode, "1"}, {{"digest", "1"}});
  }

  iceberg::CachingStore store_{platform::LocalStore()};
  SeededRandom random_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::map<std::string, iceberg::TablePtr> tables_;
};

double MedianOf(const std::vector<double>& all, std::size_t from, std::size_t count) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
  return Median(std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(count)));
}

void Run(const std::string& folder, std::int64_t commits) {
  std::filesystem::create_directories(folder);
  Commits bench(folder);
  std::vector<double> ms, cpu, fsyncs;
  const Stopwatch all;
  for (std::int64_t i = 0; i < commits; ++i) {
    if (i % 20 == 0) fsyncs.push_back(1e3 * Must(platform::MeasureFsyncSeconds(folder, 1)));
    const Stopwatch one;
    ms.push_back(bench.One(i));
    cpu.push_back(one.CpuMs());
  }
  const double cpu_ms = all.CpuMs() / static_cast<double>(commits);
  const double fsync_ms = Median(fsyncs);
  Report({{"name", "rest: two-table commit, in process"},
          {"value", Median(ms)},
          {"unit", "ms"},
          {"cpu_ms", cpu_ms},
          {"budget", kBudgetMs + kFsyncs * fsync_ms},
          {"note", fmt::format("{} commits of 2 × {} rows with run, lineage, verdict, metric, "
                               "offset and outbox event; fsync p50 {:.3f} ms; p95 {:.1f} ms",
                               commits, kRows, fsync_ms, Percentile(ms, 0.95))}});
  // Twenty around each, so that one slow fsync decides nothing.
  const double early = MedianOf(ms, 5, 20);
  const double late = MedianOf(ms, ms.size() - 20, 20);
  Report({{"name", "rest: · the last commits beside the 10th"},
          {"value", late / early},
          {"unit", "×"},
          {"budget", 1.2},
          {"note", fmt::format("medians of 20: {:.2f} ms around the 10th, {:.2f} ms at {}; CPU "
                               "{:.2f} ms and {:.2f} ms",
                               early, late, commits, MedianOf(cpu, 5, 20),
                               MedianOf(cpu, cpu.size() - 20, 20))}});
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  const weirhouse::bench::Arguments arguments(argc, argv, {"--folder", "--commits"});
  weirhouse::bench::Run(arguments.Text("--folder"), arguments.Number("--commits", 1000));
  return 0;
}
