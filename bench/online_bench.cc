// Online values in process, from the project that commit_bench left behind.
//
//   online_bench --project DIR --requests N
//
// Requests take keys of rows that are there, by a fixed seed, at the project's own time.
#include <arrow/api.h>
#include <fmt/format.h>

#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/platform/process/heap.h"
#include "measure.h"
#include "rules/feature/online/online_store.h"
#include "work/serving/online.h"
#include "work/workspace/workspace.h"

namespace weirhouse::bench {
namespace {
struct Keys {
  std::string carrier;
  std::string origin;
  std::string tailnum;
};

std::string TextAt(const arrow::Table& rows, const std::string& column, std::int64_t row) {
  const auto scalar = rows.GetColumnByName(column)->GetScalar(row);
  if (!scalar.ok()) Fail(Status(Code::kInternal, scalar.status().ToString()));
  return (*scalar)->is_valid ? (*scalar)->ToString() : std::string();
}

std::vector<Keys> SampleKeys(work::Workspace& workspace, std::int64_t count) {
  const auto rows =
      Must(workspace.ReadTable("processed.departure", {"carrier", "origin", "tailnum"}));
  SeededRandom random(7);
  std::vector<Keys> keys;
  while (static_cast<std::int64_t>(keys.size()) < count) {
    const auto row =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(rows->num_rows())));
    Keys key{TextAt(*rows, "carrier", row), TextAt(*rows, "origin", row),
             TextAt(*rows, "tailnum", row)};
    if (!key.tailnum.empty()) keys.push_back(std::move(key));
  }
  return keys;
}

struct Spread {
  double p50_us, p99_us, cpu_us;
};
template <typename Call>
Spread Measure(std::int64_t requests, const std::vector<Keys>& keys, Call call) {
  const auto key = [&](std::int64_t i) -> const Keys& {
    return keys[static_cast<std::size_t>(i) % keys.size()];
  };
  for (std::int64_t i = 0; i < requests / 10; ++i) call(key(i));  // warm
  std::vector<double> us;
  const Stopwatch all;
  for (std::int64_t i = 0; i < requests; ++i) {
    const Stopwatch one;
    call(key(i));
    us.push_back(1e3 * one.WallMs());
  }
  const double cpu_us = 1e3 * all.CpuMs() / static_cast<double>(requests);
  return {Percentile(us, 0.50), Percentile(us, 0.99), cpu_us};
}

void ReportSpread(const std::string& name, const Spread& spread, const std::string& note) {
  Report({{"name", name},
          {"value", spread.p50_us},
          {"unit", "µs"},
          {"p99", spread.p99_us},
          {"cpu_ms", spread.cpu_us / 1e3},
          {"note", fmt::format("p99 {:.1f} µs; {}", spread.p99_us, note)}});
}

void BenchStore(work::Workspace& workspace, std::int64_t requests, const std::vector<Keys>& keys) {
  const std::int64_t now = Micros(Must(workspace.Now()));
  const feature::ViewPlan* carrier = workspace.project().FindPlan("carrier_delay@1");
  const feature::ViewPlan* weather = workspace.project().FindPlan("weather_now@1");
  const feature::ViewPlan* tail = workspace.project().FindPlan("tail_delay@1");
  WEIRHOUSE_CHECK(carrier != nullptr && weather != nullptr && tail != nullptr);
  const auto get = [&](const feature::ViewPlan& plan, const std::string& key) {
    const std::vector<feature::Value> entity = {feature::Value(key)};
    Must(workspace.online().Get(plan, entity, now, now));
  };
  ReportSpread("online: get weather_now",
               Measure(requests, keys, [&](const Keys& key) { get(*weather, key.origin); }),
               "in process, 1 key × 5 latest values, a 3 h ttl to look back");
  ReportSpread("online: get tail_delay",
               Measure(requests, keys, [&](const Keys& key) { get(*tail, key.tailnum); }),
               "in process, 1 key × 8 columns over up to 7 days, a few dozen rows");
  ReportSpread("online: get carrier_delay",
               Measure(requests / 4, keys, [&](const Keys& key) { get(*carrier, key.carrier); }),
               "in process, 1 key × 9 columns over up to 7 days, about 400 rows folded");
}

void BenchRequests(work::Workspace& workspace, std::int64_t requests,
                   const std::vector<Keys>& keys) {
  const EventTime now = Must(workspace.Now());
  const auto ask = [&](std::vector<std::string> features, bool with_request) {
    return [&workspace, now, features = std::move(features), with_request](const Keys& key) {
      work::OnlineRequest request;
      request.features = features;
      request.at = now;
      request.fields = {{"carrier", key.carrier}, {"origin", key.origin}, {"tailnum", key.tailnum}};
      if (with_request) {
        request.fields["sched_dep_at"] = FormatTime(now);
        request.fields["distance"] = 1400;
      }
      Must(work::OnlineFeatures(workspace, request));
    };
  };
  ReportSpread("online: 34 stored features",
               Measure(requests / 4, keys,
                       ask({"carrier_delay@1:*", "origin_delay@1:*", "tail_delay@1:*",
                            "weather_now@1:*", "plane_facts@1:*"},
                           false)),
               "work::OnlineFeatures, 5 views, 1 key each");
  ReportSpread("online: all 37 features", Measure(requests / 8, keys, ask({"late_v1"}, true)),
               "the same and 3 request expressions, which DuckDB evaluates");
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  weirhouse::platform::ShareOneHeap();  // as the product's entry does
  using namespace weirhouse;
  const bench::Arguments arguments(argc, argv, {"--project", "--requests"});
  const std::int64_t requests = arguments.Number("--requests", 20'000);
  const auto project = bench::Must(work::LoadProject(arguments.Text("--project"), ""));
  const auto workspace = bench::Must(work::Workspace::Open(project, work::Access::kWrite));
  const auto keys = bench::SampleKeys(*workspace, 1000);
  bench::BenchStore(*workspace, requests, keys);
  bench::BenchRequests(*workspace, requests, keys);
  return 0;
}
