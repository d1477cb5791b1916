// What a day's batch costs beside the fsyncs it cannot do without.
//
//   commit_bench --folder DIR --rounds N                 through the public headers of ground/iceberg and ground/catalog
//   commit_bench --folder DIR --days N --more M          through work::RunPending
//
// `tables`: 3 raw objects, then 12 tables (3 ledgers, 5 processed, 4 feature) of one run each way,
// in three commits, as the engine does it. `days`: the flights example with N days in it; then M
// more days land one by one, each run from landing file to feature table and online store.
#include <arrow/api.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "app/demo/demo_data.h"
#include "app/demo/example.h"
#include "flight_rows.h"
#include "ground/base/digest.h"
#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/caching_store.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "measure.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/workspace.h"

namespace weirhouse::bench {
namespace {
constexpr double kSyncsAtOnce = 8;  // platform::LocalStore's Flush
constexpr std::int64_t kDayRows = 900;

struct Layer {
  std::string name;
  std::vector<std::string> tables;
  bool ledger = false;
};
const std::vector<Layer>& Layers() {
  static const std::vector<Layer> layers = {
      {"raw", {"raw.departure", "raw.arrival", "raw.weather"}, true},
      {"processed",
       {"processed.departure", "processed.arrival", "processed.arrival_history",
        "processed.weather", "processed.plane"}},
      {"feature",
       {"feature.carrier_delay_v1", "feature.origin_delay_v1", "feature.tail_delay_v1",
        "feature.weather_now_v1"}}};
  return layers;
}

FsyncCount Between(const FsyncCount& before, const FsyncCount& after) {
  return {after.calls - before.calls, after.data_calls - before.data_calls,
          after.seconds - before.seconds};
}

// The disk's speed changes from second to second where others use it, so it is asked all along.
class FsyncProbe {
 public:
  explicit FsyncProbe(std::string folder) : folder_(std::move(folder)) {}
  void Ask() {
    for (int i = 0; i < 5; ++i) {
      ms_.push_back(1e3 * Must(platform::MeasureFsyncSeconds(folder_, 1)));
    }
  }
  double P50Ms() const { return Median(ms_); }

 private:
  std::string folder_;
  std::vector<double> ms_;
};

// Milliseconds of one day by stage.
struct DayTimes {
  double objects = 0, plan = 0, write = 0, metadata = 0, sync = 0, commit = 0, total = 0, cpu = 0;
  FsyncCount fsyncs;  // all of them
  std::int64_t table_files = 0;
  std::int64_t sync_calls = 0;  // of them inside Flush …
  std::int64_t sync_waits = 0;  // … and how many follow one another, 8 at once
};

class TableBatches {
 public:
  explicit TableBatches(const std::string& folder)
      : folder_(folder),
        random_(7),
        catalog_(Must(catalog::OpenSqliteCatalog(folder + "/catalog.db"))) {
    for (const Layer& layer : Layers()) {
      for (const std::string& name : layer.tables) {
        const auto rows =
            layer.ledger ? LedgerRow(0) : ArrivalRows(1, kYearBegin, kDayMicros, 0, 7);
        iceberg::NewTable table;
        table.name = name;
        table.location = folder_ + "/lake/" + name;
        table.schema = Must(iceberg::Schema::FromArrow(*rows->schema()));
        tables_[name] = Must(iceberg::MakeTable(table, random_, SystemClock()));
      }
    }
  }

  DayTimes Day(std::int64_t day) {
    DayTimes times;
    const FsyncCount before = FsyncsSoFar();
    const auto rows =
        ArrivalRows(kDayRows, kYearBegin + day * kDayMicros, kDayMicros, day * kDayRows, 7);
    std::vector<std::string> bodies;
    for (int i = 0; i < 3; ++i) bodies.push_back(Body(day * 3 + i));
    const Stopwatch all;
    PutObjects(day, bodies, times);
    for (const Layer& layer : Layers()) RunLayer(layer, day, rows, times);
    times.total = all.WallMs();
    times.cpu = all.CpuMs();
    const FsyncCount after = FsyncsSoFar();
    times.fsyncs = Between(before, after);
    return times;
  }

 private:
  std::string Body(std::int64_t ordinal) {
    std::string body;
    while (body.size() < 60'000) body += fmt::format("{}-{:016x}\n", ordinal, random_.Next());
    return body;
  }

  void PutObjects(std::int64_t day, const std::vector<std::string>& bodies, DayTimes& times) {
    const Stopwatch watch;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const std::string path =
          fmt::format("{}/lake/raw/s{}/dt={}/{}", folder_, i, day, Sha256Of(bodies[i]).ToHex());
      Must(platform::LocalStore().PutIfAbsent(path, bodies[i], 0444));
    }
    times.objects = watch.WallMs();
  }

  void RunLayer(const Layer& layer, std::int64_t day, const std::shared_ptr<arrow::Table>& rows,
                DayTimes& times) {
    const std::string key = fmt::format("{} day {}", layer.name, day);
    const Stopwatch planning;
    catalog::RunPlan plan;
    plan.kind = catalog::KindNamed<catalog::RunKind>(layer.name).value();
    plan.name = fmt::format("day{}", day);
    plan.step_identity = Sha256Of(key);
    plan.idempotency_key = key;
    const catalog::Run run = Must(catalog_->PlanRun(plan));
    times.plan += planning.WallMs();

    catalog::CommitRequest request;
    request.run = run.id;
    request.idempotency_key = key;
    request.layer = catalog::KindNamed<catalog::Layer>(layer.name).value();
    request.batch = plan.name;
    std::vector<std::string> paths;
    for (const std::string& name : layer.tables) {
      Stage(name, layer.ledger ? LedgerRow(day) : rows, run, key, request, paths, times);
    }
    const std::int64_t before = FsyncsSoFar().calls;
    const Stopwatch syncing;
    Must(platform::LocalStore().Flush(paths));
    times.sync += syncing.WallMs();
    const std::int64_t calls = FsyncsSoFar().calls - before;
    times.sync_calls += calls;
    times.sync_waits +=
        static_cast<std::int64_t>(std::ceil(static_cast<double>(calls) / kSyncsAtOnce));
    times.table_files += static_cast<std::int64_t>(paths.size());
    const Stopwatch committing;
    Must(catalog_->Commit(request));
    times.commit += committing.WallMs();
  }

  void Stage(const std::string& name, const std::shared_ptr<arrow::Table>& rows,
             const catalog::Run& run, const std::string& key, catalog::CommitRequest& request,
             std::vector<std::string>& paths, DayTimes& times) {
    iceberg::StageOptions stage;
    stage.run_name = ToString(run.id);
    stage.idempotency_key = key;
    stage.now = SystemClock().Now();
    const Stopwatch writing;
    iceberg::StagedWrite write(store_, tables_[name], random_, stage);
    Must(write.Append(*rows));
    times.write += writing.WallMs();
    const Stopwatch finishing;
    const iceberg::StagedTable staged = Must(write.Finish());
    times.metadata += finishing.WallMs();
    request.tables.push_back(staged.change);
    request.snapshots.insert(request.snapshots.end(), staged.snapshots.begin(),
                             staged.snapshots.end());
    request.files.insert(request.files.end(), staged.files.begin(), staged.files.end());
    paths.insert(paths.end(), staged.paths_to_sync.begin(), staged.paths_to_sync.end());
    tables_[name] = staged.table;
  }

  std::string folder_;
  iceberg::CachingStore store_{platform::LocalStore()};
  SeededRandom random_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::map<std::string, iceberg::TablePtr> tables_;
};

template <typename Member>
double MedianOf(const std::vector<DayTimes>& days, Member member) {
  std::vector<double> samples;
  for (const DayTimes& day : days) samples.push_back(static_cast<double>(day.*member));
  return Median(std::move(samples));
}

void BenchTables(const std::string& folder, std::int64_t rounds) {
  std::filesystem::create_directories(folder);
  TableBatches batches(folder);
  std::int64_t day = 0;
  for (; day < 5; ++day) batches.Day(day);  // warm: caches, the catalog's pages
  FsyncProbe probe(folder);
  std::vector<DayTimes> days;
  std::vector<double> waits, calls;
  for (std::int64_t i = 0; i < rounds; ++i, ++day) {
    probe.Ask();
    days.push_back(batches.Day(day));
    const DayTimes& last = days.back();
    // What Flush does 8 at a time, and every other fsync (objects, catalog) one by one.
    waits.push_back(static_cast<double>(last.fsyncs.calls - last.sync_calls + last.sync_waits));
    calls.push_back(static_cast<double>(last.fsyncs.calls));
  }
  const double fsync_ms = probe.P50Ms();
  const std::string input = fmt::format(
      "3 objects, 12 tables of {} rows in 3 commits, {} days; fsync p50 {:.3f} ms, {:.0f} fsyncs "
      "of "
      "which {:.0f} follow one another, {:.0f} table files a day",
      kDayRows, rounds, fsync_ms, Median(calls), Median(waits),
      MedianOf(days, &DayTimes::table_files));
  Report({{"name", "commit: a day's tables"},
          {"value", MedianOf(days, &DayTimes::total)},
          {"unit", "ms"},
          {"peer", "its fsyncs, 8 at once"},
          {"peer_value", fsync_ms * Median(waits)},
          {"cpu_ms", MedianOf(days, &DayTimes::cpu)},
          {"note", input}});
  const std::pair<const char*, double DayTimes::*> stages[] = {
      {"put 3 objects", &DayTimes::objects}, {"plan 3 runs", &DayTimes::plan},
      {"write Parquet", &DayTimes::write},   {"write metadata", &DayTimes::metadata},
      {"fsync tables", &DayTimes::sync},     {"3 catalog commits", &DayTimes::commit}};
  for (const auto& [name, member] : stages) {
    Report({{"name", fmt::format("commit: · {}", name)},
            {"value", MedianOf(days, member)},
            {"unit", "ms"}});
  }
}

// Files of days from the `days`-th on wait beside the project until their day comes.
class HeldDays {
 public:
  HeldDays(const std::filesystem::path& project, std::int64_t days) : project_(project) {
    for (const char* source : {"arrival", "departure", "weather"}) {
      const auto folder = project_ / "landing" / source;
      std::vector<std::filesystem::path> files;
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        files.push_back(entry.path());
      }
      std::sort(files.begin(), files.end());
      for (std::size_t i = static_cast<std::size_t>(days); i < files.size(); ++i) {
        const auto aside = project_ / ".held" / source / files[i].filename();
        std::filesystem::create_directories(aside.parent_path());
        std::filesystem::rename(files[i], aside);
        held_[files[i].filename().stem().string()].emplace_back(aside, files[i]);
      }
    }
  }
  std::vector<std::string> days() const {
    std::vector<std::string> names;
    for (const auto& [day, files] : held_) names.push_back(day);
    return names;
  }
  void Land(const std::string& day) {
    for (const auto& [from, to] : held_.at(day)) std::filesystem::rename(from, to);
  }

 private:
  using Move = std::pair<std::filesystem::path, std::filesystem::path>;
  std::filesystem::path project_;
  std::map<std::string, std::vector<Move>> held_;
};

void MakeProject(const std::string& folder, std::int64_t days) {
  Must(demo::WriteExample("flights", folder));
  demo::DemoDataOptions options;
  options.project = folder;
  options.days = static_cast<int>(days);
  Must(demo::WriteDemoData(options));
}

std::string CheckedSummary(const work::RunSummary& summary) {
  if (summary.halted) Fail(Status(Code::kGateFailed, summary.halted_message));
  return fmt::format("{} records, {} commits", summary.records, summary.commits);
}

// The held days one by one, each from its landing files to the online store.
void LandDays(work::Workspace& workspace, HeldDays& held, const std::string& folder,
              std::int64_t days) {
  FsyncProbe probe(folder);
  std::vector<double> wall, cpu, calls, waits, files;
  std::string one_day;
  for (const std::string& day : held.days()) {
    probe.Ask();
    held.Land(day);
    const auto files_before = Must(workspace.catalog().Files(std::nullopt)).size();
    const FsyncCount before = FsyncsSoFar();
    const Stopwatch watch;
    const work::RunSummary summary = Must(work::RunPending(workspace, work::NoProgress()));
    wall.push_back(watch.WallMs());
    cpu.push_back(watch.CpuMs());
    const FsyncCount spent = Between(before, FsyncsSoFar());
    one_day = CheckedSummary(summary);
    calls.push_back(static_cast<double>(spent.calls));
    waits.push_back(static_cast<double>(spent.data_calls) +
                    std::ceil(static_cast<double>(spent.calls - spent.data_calls) / kSyncsAtOnce));
    files.push_back(
        static_cast<double>(Must(workspace.catalog().Files(std::nullopt)).size() - files_before));
  }
  const double fsync_ms = probe.P50Ms();
  Report({{"name", "day: landing to online store"},
          {"value", Median(wall)},
          {"unit", "ms"},
          {"peer", "its fsyncs, 8 at once"},
          {"peer_value", fsync_ms * Median(waits)},
          {"cpu_ms", Median(cpu)},
          {"note", fmt::format("work::RunPending, {} single days after {}; the last: {}; fsync "
                               "p50 {:.3f} ms, {:.0f} fsyncs of which at least {:.0f} follow one "
                               "another, {:.0f} files in the catalog",
                               wall.size(), days, one_day, fsync_ms, Median(calls), Median(waits),
                               Median(files))}});
}

void BenchDays(const std::string& folder, std::int64_t days, std::int64_t more) {
  MakeProject(folder, days + more);
  HeldDays held(folder, days);
  const auto project = Must(work::LoadProject(folder, ""));
  Must(work::InitializeState(*project));
  const auto workspace = Must(work::Workspace::Open(project, work::Access::kWrite));
  const work::Plan plan = Must(work::MakePlan(*workspace));
  const FsyncCount at_first = FsyncsSoFar();
  const Stopwatch backfill;
  const std::string backfilled =
      CheckedSummary(Must(work::Apply(*workspace, plan.digest, work::NoProgress())));
  const std::int64_t backfill_fsyncs = FsyncsSoFar().calls - at_first.calls;
  Report({{"name", "day: backfill, per day"},
          {"value", backfill.WallMs() / static_cast<double>(days)},
          {"unit", "ms"},
          {"cpu_ms", backfill.CpuMs() / static_cast<double>(days)},
          {"note", fmt::format("{} days by `apply`, {}; {} fsyncs in all", days, backfilled,
                               backfill_fsyncs)}});
  LandDays(*workspace, held, folder, days);
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  using namespace weirhouse::bench;
  const Arguments arguments(argc, argv, {"--folder", "--rounds", "--days", "--more"});
  const std::string folder = arguments.Text("--folder");
  if (const auto rounds = arguments.Number("--rounds", 0); rounds > 0) BenchTables(folder, rounds);
  if (const auto days = arguments.Number("--days", 0); days > 0) {
    BenchDays(folder, days, arguments.Number("--more", 7));
  }
  return 0;
}
