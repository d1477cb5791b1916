// What one commit of the catalog costs, whether that grows with the log, what a listing costs, and
// what writers at the same time share.
//
//   catalog_bench --folder DIR [--commits 1000] [--names 10000] [--threads 8]
//
// `commit`: two tables with a snapshot and a metadata file each, a run with five lineage edges, a
// verdict, an offset and an outbox event; the run is planned by the commit. `names`: all names of
// one namespace, in one page and in pages of 1,000. `writers`: the same commits by several threads,
// each on tables of its own.
#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "ground/base/digest.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/local_store.h"
#include "measure.h"

namespace weirhouse::bench {
namespace {
using catalog::Catalog;
using catalog::CommitRequest;

CommitRequest OneCommit(const std::string& name, const std::string& writer, int number) {
  CommitRequest request;
  catalog::RunPlan plan;
  plan.kind = catalog::RunKind::kForeign;
  plan.name = name;
  plan.step_identity = Sha256Of(name);
  plan.idempotency_key = name;
  plan.inputs = nlohmann::json::object();
  plan.parameters = nlohmann::json::object();
  request.plan = plan;
  request.idempotency_key = name;
  request.layer = catalog::Layer::kProcessed;
  request.batch = name;
  for (const char* table : {"arrival", "plane"}) {
    const std::string full = fmt::format("processed.{}_{}", table, writer);
    const std::string location = fmt::format("/lake/{}/metadata/{:05}.metadata.json", full, number);
    std::optional<std::string> expected;
    if (number > 0) {
      expected = fmt::format("/lake/{}/metadata/{:05}.metadata.json", full, number - 1);
    }
    request.tables.push_back({full, "uuid of " + full, expected, location});
    catalog::SnapshotRecord snapshot;
    snapshot.table = full;
    snapshot.snapshot = SnapshotId(static_cast<std::int64_t>(HashBytes(location) >> 1));
    snapshot.sequence_number = number + 1;
    snapshot.operation = "append";
    snapshot.added_rows = 1'000;
    request.snapshots.push_back(snapshot);
    request.files.push_back(
        {location, full, catalog::FileKind::kMetadata, 20'000, Sha256Of(location), {}, {}});
    if (number > 0) {
      const catalog::NodeRef reader{catalog::NodeKind::kView, full + " reader"};
      request.lineage.Describe(reader, {{"table", full}});
      request.lineage.Read(reader);
    }
  }
  catalog::VerdictRecord verdict;
  verdict.gate = "arrival";
  verdict.table = request.tables[0].name;
  verdict.state = catalog::VerdictState::kPassed;
  verdict.batch = name;
  verdict.checks = {{{"name", "row_count"}, {"state", "passed"}, {"observed", 1'000}}};
  request.verdicts.push_back(verdict);
  request.offsets.push_back({"consumer of " + writer, number, number + 1, 1});
  request.events.push_back({0,
                            "weirhouse.table.committed",
                            request.tables[0].name,
                            {{"rows", 1'000}},
                            {},
                            0,
                            "pending"});
  return request;
}

std::unique_ptr<Catalog> Fresh(const std::string& path) {
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
  return Must(catalog::OpenSqliteCatalog(path));
}

void MeasureCommits(const std::string& folder, int commits) {
  const auto catalog = Fresh(folder + "/commits.db");
  std::vector<double> wall_ms;
  std::vector<double> cpu_ms;
  const FsyncCount before = FsyncsSoFar();
  for (int i = 0; i < commits; ++i) {
    const CommitRequest request = OneCommit(fmt::format("c{}", i), "a", i);
    const Stopwatch watch;
    Must(catalog->Commit(request));
    wall_ms.push_back(watch.WallMs());
    cpu_ms.push_back(watch.CpuMs());
  }
  const FsyncCount after = FsyncsSoFar();
  const auto p50 = [](const std::vector<double>& all, std::ptrdiff_t at) {
    // Twenty around the one asked for: a single commit is mostly the luck of its fsync.
    return Median({all.begin() + std::max<std::ptrdiff_t>(0, at - 10), all.begin() + at + 10});
  };
  const std::ptrdiff_t last = commits - 10;
  Report({{"name", "catalog: a commit, p50"},
          {"value", Median(wall_ms)},
          {"unit", "ms"},
          {"note", fmt::format("p99 {:.2f} ms, cpu {:.2f} ms, {:.2f} fsyncs each; fsync p50 {:.2f} "
                               "ms",
                               Percentile(wall_ms, 0.99), Median(cpu_ms),
                               static_cast<double>(after.calls - before.calls) / commits,
                               1e3 * Must(platform::MeasureFsyncSeconds(folder)))}});
  Report({{"name", "catalog: the 10th commit"},
          {"value", p50(wall_ms, 10)},
          {"unit", "ms"},
          {"note", fmt::format("cpu {:.2f} ms", p50(cpu_ms, 10))}});
  Report({{"name", fmt::format("catalog: the {}th commit", commits)},
          {"value", p50(wall_ms, last)},
          {"unit", "ms"},
          {"note", fmt::format("cpu {:.2f} ms", p50(cpu_ms, last))}});
  const Stopwatch verify;
  Must(catalog->VerifyChain());
  Report({{"name", "catalog: verify the chain"}, {"value", verify.WallMs()}, {"unit", "ms"}});
}

void MeasureNames(const std::string& folder, int names) {
  const auto catalog = Fresh(folder + "/names.db");
  CommitRequest request = OneCommit("names", "a", 0);
  for (int i = 0; i < names; ++i) {
    request.tables.push_back({fmt::format("feature.t{:06}", i), "u", std::nullopt, "m"});
  }
  Must(catalog->Commit(request));
  std::vector<double> whole;
  std::vector<double> pages;
  for (int round = 0; round < 20; ++round) {
    const Stopwatch once;
    const auto all = Must(catalog->TableNames("feature", catalog::PointerKind::kTable, "", names));
    whole.push_back(once.WallMs());
    std::string after;
    while (true) {
      const Stopwatch watch;
      const auto page =
          Must(catalog->TableNames("feature", catalog::PointerKind::kTable, after, 1'000));
      if (page.empty()) break;
      pages.push_back(watch.WallMs());
      after = page.back();
    }
  }
  Report({{"name", fmt::format("catalog: list {} names", names)},
          {"value", Median(whole)},
          {"unit", "ms"},
          {"note", fmt::format("a page of 1,000: p50 {:.3f} ms, p99 {:.3f} ms", Median(pages),
                               Percentile(pages, 0.99))}});
}

void MeasureWriters(const std::string& folder, int threads, int commits) {
  const auto catalog = Fresh(fmt::format("{}/writers{}.db", folder, threads));
  const FsyncCount before = FsyncsSoFar();
  const Stopwatch watch;
  std::vector<std::thread> writers;
  for (int thread = 0; thread < threads; ++thread) {
    writers.emplace_back([&, thread] {
      for (int i = 0; i < commits; ++i) {
        const std::string writer = fmt::format("w{}", thread);
        Must(catalog->Commit(OneCommit(fmt::format("{}/{}", writer, i), writer, i)));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const double total = static_cast<double>(threads) * commits;
  Report({{"name", fmt::format("catalog: {} writers", threads)},
          {"value", 1e3 * total / watch.WallMs()},
          {"unit", "commits/s"},
          {"note", fmt::format("{:.2f} fsyncs a commit",
                               static_cast<double>(FsyncsSoFar().calls - before.calls) / total)}});
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  using namespace weirhouse::bench;
  const Arguments arguments(argc, argv, {"--folder", "--commits", "--names", "--threads"});
  const std::string folder = arguments.Text("--folder");
  std::filesystem::create_directories(folder);
  const int commits = static_cast<int>(arguments.Number("--commits", 1'000));
  MeasureCommits(folder, commits);
  MeasureNames(folder, static_cast<int>(arguments.Number("--names", 10'000)));
  const int threads = static_cast<int>(arguments.Number("--threads", 8));
  MeasureWriters(folder, 1, commits / 4);
  MeasureWriters(folder, threads, commits / 4);
  return 0;
}
