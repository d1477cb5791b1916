// What every driver of the catalog must do. A driver adds one line to driver_test.cc.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ground/catalog/catalog.h"
#include "testing/testing.h"

namespace weirhouse::catalog {

// One database that a test opens, closes, reopens and damages.
class CatalogPlace {
 public:
  virtual ~CatalogPlace() = default;
  virtual Result<std::unique_ptr<Catalog>> Open(Clock& clock, bool read_only) = 0;
  // As Open, and claims the catalog as its only writer.
  virtual Result<std::unique_ptr<Catalog>> OpenClaimed(Clock& clock) = 0;
  // Runs SQL outside the catalog, as anyone with the database's password could.
  virtual void Edit(const std::string& sql) = 0;
};

struct CatalogDriver {
  std::string name;
  std::function<std::unique_ptr<CatalogPlace>()> make_place;
};

class CatalogConformance : public ::testing::TestWithParam<CatalogDriver> {
 protected:
  void SetUp() override {
    place_ = GetParam().make_place();
    Reopen();
  }
  // After any use of the catalog the chain and the tallies must be consistent.
  void TearDown() override {
    if (catalog_ != nullptr) EXPECT_OK(catalog_->VerifyChain());
  }
  void Reopen() {
    catalog_.reset();
    auto opened = place_->Open(clock_, /*read_only=*/false);
    ASSERT_OK(opened);
    catalog_ = std::move(opened).value();
  }

  ManualClock clock_{ProcessTimeOfMicros(1'700'000'000'000'000)};
  std::unique_ptr<CatalogPlace> place_;
  std::unique_ptr<Catalog> catalog_;
};

// A plan whose step identity follows from `name`.
inline RunPlan PlanOf(const std::string& name, std::int64_t record_ids = 0,
                      RunKind kind = RunKind::kProcessed) {
  RunPlan plan;
  plan.kind = kind;
  plan.name = name;
  plan.step_identity = Sha256Of(fmt::format("{}/{}", Name(kind), name));
  plan.idempotency_key = "key of " + name;
  plan.inputs = {{"raw.arrival", 7}};
  plan.parameters = {{"batch", name}};
  plan.record_ids_wanted = record_ids;
  return plan;
}

inline EventTime Day(int day) { return EventTimeOfMicros(86'400'000'000LL * day); }

// A request of `run` that swaps one table's pointer and is empty otherwise.
inline CommitRequest SwapOf(const Run& run, const std::string& table,
                            std::optional<std::string> expected, const std::string& location) {
  CommitRequest request;
  request.run = run.id;
  request.idempotency_key = run.plan.idempotency_key;
  // Runs are named after the layer they write, but those of predictions.
  request.layer = run.plan.kind == RunKind::kPrediction
                      ? Layer::kServe
                      : KindNamed<Layer>(Name(run.plan.kind)).value_or(Layer::kMaintenance);
  request.batch = run.plan.name;
  request.tables.push_back({table, "uuid of " + table, std::move(expected), location});
  return request;
}

// A request that has something of every part.
inline CommitRequest FullOf(const Run& run, std::optional<std::string> expected,
                            const std::string& location) {
  CommitRequest request = SwapOf(run, "processed.arrival", std::move(expected), location);
  request.batch_end = Day(2);
  request.snapshots.push_back({"processed.arrival",
                               SnapshotId(8'000'000'000'000'000'001),
                               1,
                               "main",
                               "append",
                               10,
                               0,
                               10,
                               {},
                               {}});
  request.files.push_back(
      {location, "processed.arrival", FileKind::kMetadata, 100, Sha256Of(location), {}, {}});
  ObjectRecord object;
  object.source = "arrival";
  object.name = run.plan.name + ".jsonl";
  object.digest = Sha256Of(object.name);
  object.size_bytes = 1'000;
  object.record_count = 10;
  object.first_record_id = run.first_record_id;
  object.path = "raw/arrival/" + object.name;
  object.batch = run.plan.name;
  object.contract_version = "arrival 1.0.0";
  object.arrived_at = ProcessTimeOfMicros(5);
  request.objects.push_back(object);
  request.landings.push_back(
      {"landing/" + object.name, 1'000, 17, 3, "arrival", object.digest, LandingState::kStored});
  VerdictRecord verdict;
  verdict.gate = "arrival";
  verdict.table = "processed.arrival";
  verdict.state = VerdictState::kPassed;
  verdict.batch = run.plan.name;
  verdict.batch_end = Day(2);
  verdict.checks = {{{"name", "row_count"}, {"observed", 10}}};
  request.verdicts.push_back(verdict);
  request.metrics.push_back(
      {"processed.arrival", "row_count", run.plan.name, Day(2), true, 10, {}, {}});
  request.record_states.push_back({"arrival", "processed.arrival", RecordState::kProcessed, 9});
  request.record_states.push_back({"arrival", "processed.arrival", RecordState::kQuarantined, 1});
  const NodeRef contract{NodeKind::kContract, "arrival 1.0.0"};
  request.lineage.Describe(contract, {{"digest", "ab"}});
  request.lineage.Read(contract);
  request.offsets.push_back({"arrival/" + run.plan.name, 0, 10, 1});
  request.events.push_back(
      {0, "weirhouse.table.committed", "processed.arrival", {{"rows", 10}}, {}, 0, "pending"});
  PredictionRecord prediction;
  prediction.id = "p-" + run.plan.name;
  prediction.model = "late#1";
  prediction.at = Day(2);
  prediction.request = {{"carrier", "UA"}};
  prediction.vector = {{"carrier_delay.n_24h", {{"bits", "0000000000000000"}}}};
  prediction.vector_digest = Sha256Of("vector");
  prediction.output = {{"score", 0.25}};
  prediction.features_seq = CommitSeq(1);
  request.predictions.push_back(prediction);
  request.settings.emplace_back(SettingKey("last batch"), run.plan.name);
  return request;
}

template <typename T>
T ValueOf(Result<T> result) {
  EXPECT_OK(result);
  return result.ok() ? std::move(result).value() : T{};
}

// Three full commits whose chain fits, for tests that then edit behind the catalog's back.
class TamperedConformance : public CatalogConformance {
 protected:
  void SetUp() override {
    CatalogConformance::SetUp();
    std::optional<std::string> location;
    for (int day = 1; day <= 3; ++day) {
      const auto run = ValueOf(catalog_->PlanRun(PlanOf("day" + std::to_string(day), 10)));
      const std::string next = "m" + std::to_string(day);
      ASSERT_OK(catalog_->Commit(FullOf(run, location, next)));
      location = next;
    }
    ASSERT_OK(catalog_->VerifyChain());
  }
  void TearDown() override {}
};
}  // namespace weirhouse::catalog
