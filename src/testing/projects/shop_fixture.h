// A small project that the tests of work/ share: orders of shops, landing day by day.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "ground/iceberg/table.h"
#include "testing/testing.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"

namespace weirhouse::work {

inline constexpr char kShopProject[] = R"(
name: shop
clock: replay
sources:
  order: { landing: landing/order/, format: jsonl, contract: order, event_time: at, batch: { by: name, pattern: '{date}' } }
seeds: { shop: seeds/shops.csv }
)";
inline constexpr char kShopContract[] = R"(
apiVersion: v3.1.0
kind: DataContract
id: order
version: 1.0.0
status: active
team: { name: sales }
schema:
  - name: order
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: shop, logicalType: string, required: true }
      - { name: amount, logicalType: integer, required: true, logicalTypeOptions: { minimum: 0 } }
      - { name: at, logicalType: timestamp, required: true }
      - { name: reported_at, logicalType: timestamp, required: true }
)";
inline constexpr char kShopTransform[] =
    "-- wh: table processed.order; key id; order reported_at; event at; known reported_at\n"
    "-- wh: partition month(at); mode incremental; history keep\n"
    "SELECT r.id, r.shop, s.city, r.amount, r.at, r.reported_at FROM records.order AS r JOIN "
    "ref.shop AS s USING (shop)\n";
inline constexpr char kShopGate[] = R"(
gate: order
table: processed.order
checks:
  - required: [id, amount]
  - unique: { columns: [id], scope: table }
  - range: { column: amount, max: 1000 }
)";
inline constexpr char kShopView[] = R"(
feature_view: shop_sales
version: 1
entity: { shop: string }
source: processed.order_history
event_time: at
known_time: reported_at
windows: [24h]
features: { n: { agg: count }, total: { agg: sum, of: amount } }
online: { fill: stream }
)";

// The files that training and serving need in addition; see ShopTest::AddModels.
inline constexpr char kShopMoreViews[] = R"yaml(
--- { feature_view: shop_recent, version: 1, entity: { shop: string }, source: processed.order_history, event_time: at,
  known_time: reported_at, windows: [24h], features: { mean: { agg: mean, of: amount }, last: { agg: last, of: amount } }, online: { fill: stream } }
--- { feature_view: order_request, version: 1, request: { at: timestamp, amount: integer },
  features: { amount: request.amount, hour: "extract(hour from request.at at time zone 'Europe/Oslo')" } }
)yaml";
inline constexpr char kShopTrainingSet[] = R"(
training_set: big_v1
spine: select o.id, o.shop, o.at, o.amount, o.amount > 50 as big from processed.order o
time: at
label: big
features: ['shop_sales@1:*', 'shop_recent@1:*', 'order_request@1:*']
split: { by: time, train: 70%, valid: 15%, test: 15% }
)";
inline constexpr char kShopModel[] = R"(
model: big
training_set: big_v1
train: { cmd: python train.py, params: { cut: 50, fail: false } }
metrics: { accuracy: { min: 0.6 } }
serve: { python: score.py, request: [shop, at, amount], output: [score] }
)";
inline constexpr char kShopTrain[] = R"(
import json, weirhouse as wh
job = wh.current_job()
assert not job.params["fail"], "told to fail"
test = job.training_set.split("test")
amounts = test.features.to_arrow().column("order_request.amount").to_pylist()
right = [(a > job.params["cut"]) == y for a, y in zip(amounts, test.label.to_pylist())]
job.metric("accuracy", sum(right) / len(right))
with open(job.path("model.json"), "w") as file:
    json.dump({"cut": job.params["cut"], "features": job.training_set.feature_names}, file)
)";
inline constexpr char kShopScore[] = R"(
import json, pyarrow
def load(path):
    with open(f"{path}/model.json") as file:
        return json.load(file)
def predict(model, table):
    assert table.column_names == model["features"], table.column_names
    amounts = table.column("order_request.amount").to_pylist()
    return pyarrow.table({"score": pyarrow.array([float(a > model["cut"]) for a in amounts])})
)";

inline std::string Order(const std::string& id, int amount, const std::string& at,
                         const std::string& reported, const std::string& shop = "a") {
  return fmt::format(R"({{"id":"{}","shop":"{}","amount":{},"at":"{}","reported_at":"{}"}})"
                     "\n",
                     id, shop, amount, at, reported);
}

struct ShopTest : ::testing::Test {
  weirhouse::testing::ScratchFolder scratch;
  std::unique_ptr<Workspace> workspace;

  void SetUp() override {
    Write("weirhouse.yaml", kShopProject);
    Write("contracts/order.odcs.yaml", kShopContract);
    Write("processed/order.sql", kShopTransform);
    Write("gates/order.yaml", kShopGate);
    Write("features/sales.yaml", kShopView);
    Write("seeds/shops.csv", "shop,city\na,Oslo\nb,Rome\n");
    auto project = LoadProject(scratch.path().string(), "");
    ASSERT_OK(project);
    ASSERT_OK(InitializeState(**project));
    Reopen();
  }
  void Write(const std::string& path, const std::string& bytes) {
    weirhouse::testing::WriteFile(scratch / path, bytes);
  }
  void Reopen() {
    workspace.reset();
    ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
    ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite));
  }
  void Land(const std::string& name, const std::string& bytes) {
    Write("landing/order/" + name, bytes);
  }
  // A second view, a view of the request, a training set and a model, to be applied.
  void AddModels() {
    Write("features/more.yaml", kShopMoreViews);
    Write("training_sets/big_v1.yaml", kShopTrainingSet);
    Write("models/big.yaml", kShopModel);
    Write("train.py", kShopTrain);
    Write("score.py", kShopScore);
    Reopen();
  }
  // `days` days from 2024-01-01 on, in two batches, 20 orders a day: two shops, some at the same
  // moment, some reported again later with another amount.
  void LandDays(int days) {
    std::map<std::string, std::string> files;
    for (int day = 1; day <= days; ++day) {
      std::string& bytes = files[day * 2 <= days ? "2024-01-01.jsonl" : "2024-01-02.jsonl"];
      for (int i = 0; i < 20; ++i) {
        const std::string at = fmt::format("2024-01-{:02}T{:02}:00:00Z", day, 6 + i / 4);
        bytes += Order(fmt::format("{}-{}", day, i), (day * 37 + i * 13) % 101, at, at,
                       i % 2 == 0 ? "a" : "b");
      }
      if (day == 1) continue;
      bytes +=
          Order(fmt::format("{}-3", day - 1), day, fmt::format("2024-01-{:02}T06:00:00Z", day - 1),
                fmt::format("2024-01-{:02}T05:00:00Z", day), "b");
    }
    for (const auto& [name, bytes] : files) Land(name, bytes);
  }

  std::map<std::string, std::int64_t> States() {
    std::map<std::string, std::int64_t> sums;
    const auto states = workspace->catalog().RecordStates();
    EXPECT_OK(states);
    if (!states.ok()) return sums;
    for (const auto& state : *states) sums[std::string(catalog::Name(state.state))] += state.count;
    std::erase_if(sums, [](const auto& entry) { return entry.second == 0; });
    return sums;
  }
  std::int64_t Rows(const std::string& table) {
    const auto rows = workspace->ReadTable(table);
    EXPECT_OK(rows);
    return rows.ok() ? (*rows)->num_rows() : -1;
  }
  Digest Content(const std::string& table) {
    const auto rows = workspace->ReadTable(table);
    EXPECT_OK(rows);
    return iceberg::ContentDigest(**rows).value();
  }
};
}  // namespace weirhouse::work
