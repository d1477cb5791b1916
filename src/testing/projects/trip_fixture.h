// A small project that other engines write to: trips of a city, and the tables and features
// computed from them. Shared by tests of work/.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ground/iceberg/table.h"
#include "testing/projects/project_files.h"
#include "testing/testing.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/publication.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {

struct Trip {
  std::string id;
  std::string zone = "a";
  std::int64_t fare = 10;
  std::int64_t at_s = 1'700'000'000;
  std::int64_t known_s = 0;  // 0: with `at_s`
};

struct TripTest : ::testing::Test {
  weirhouse::testing::ScratchFolder scratch;
  std::unique_ptr<Workspace> workspace;

  void SetUp() override {
    weirhouse::testing::CopyProject("trips", scratch.path());
    weirhouse::testing::CopyProject("trips_priced", scratch.path());
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
  void LandTariff(const std::string& day, const std::map<std::string, int>& prices) {
    std::string bytes;
    for (const auto& [zone, price] : prices) {
      bytes += fmt::format(R"({{"zone":"{}","price":{},"set_at":"{}T00:00:00Z"}})"
                           "\n",
                           zone, price, day);
    }
    Write("landing/tariff/" + day + ".jsonl", bytes);
  }

  // ---- The other engine: writes files of its own, then asks for the pointer to be moved.
  static std::shared_ptr<arrow::Table> TripRows(const std::vector<Trip>& trips) {
    const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    RowBuilder rows(arrow::schema(
        {arrow::field("trip_id", arrow::utf8(), false), arrow::field("zone", arrow::utf8(), false),
         arrow::field("fare", arrow::int64(), false), arrow::field("at", time, false),
         arrow::field("known_at", time, false)}));
    for (const Trip& trip : trips) {
      rows.Text(0, trip.id);
      rows.Text(1, trip.zone);
      rows.Int(2, trip.fare);
      rows.Int(3, trip.at_s * 1'000'000);
      rows.Int(4, (trip.known_s == 0 ? trip.at_s : trip.known_s) * 1'000'000);
      rows.EndRow();
    }
    return rows.Finish().value();
  }
  // The positions of the rows of these trips.
  std::vector<iceberg::RowPosition> PlacesOf(const iceberg::TablePtr& table,
                                             const std::set<std::string>& ids) {
    iceberg::ScanOptions options;
    options.with_file_position = true;
    const auto scan = iceberg::Scan::Plan(workspace->store(), table, options);
    EXPECT_OK(scan);
    const auto rows = scan->ReadAll();
    EXPECT_OK(rows);
    std::vector<iceberg::RowPosition> places;
    for (std::int64_t i = 0; i < (*rows)->num_rows(); ++i) {
      const auto cell = [&](const char* column) {
        return (*rows)->GetColumnByName(column)->GetScalar(i).ValueOrDie()->ToString();
      };
      if (ids.count(cell("trip_id")) != 0)
        places.push_back({cell("_file"), std::stoll(cell("_pos"))});
    }
    return places;
  }
  using Change = std::function<void(iceberg::StagedWrite&, const iceberg::TablePtr&)>;
  void ForeignCommit(const Change& change, const std::string& name = "processed.trips",
                     const std::string& ref = "main") {
    ASSERT_OK_AND(const iceberg::TablePtr base, workspace->LoadTable(name));
    StepInputs step;
    step.kind = catalog::RunKind::kForeign;
    step.name = name;
    step.inputs = {{"base", base->metadata_location}, {"id", workspace->random().Uuid4()}};
    ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
    Publication publication(*workspace, run,
                            ref == "main" ? catalog::Layer::kProcessed : catalog::Layer::kOpen, "");
    iceberg::StagedWrite write(workspace->store(), base, workspace->random(),
                               publication.StageAs(ref));
    change(write, base);
    ASSERT_OK_AND(const iceberg::StagedTable staged, write.Finish());
    if (staged.files.empty()) return;  // there was nothing to do
    publication.Add(staged);
    ASSERT_OK(publication.Commit());
  }
  void Insert(const std::vector<Trip>& trips) {
    ForeignCommit([&](iceberg::StagedWrite& write, const iceberg::TablePtr&) {
      ASSERT_OK(write.Append(*TripRows(trips)));
    });
  }
  // Position deletes, as merge-on-read engines write them.
  void Delete(const std::set<std::string>& ids, const std::vector<Trip>& instead = {}) {
    ForeignCommit([&](iceberg::StagedWrite& write, const iceberg::TablePtr& base) {
      ASSERT_OK(write.DeleteRows(PlacesOf(base, ids)));
      if (!instead.empty()) ASSERT_OK(write.Append(*TripRows(instead)));
    });
  }
  // Rewrites all rows, as copy-on-write engines do.
  void Rewrite(const std::vector<Trip>& trips) {
    ForeignCommit([&](iceberg::StagedWrite& write, const iceberg::TablePtr&) {
      ASSERT_OK(write.RemoveAllFiles());
      if (!trips.empty()) ASSERT_OK(write.Append(*TripRows(trips)));
    });
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
  // The content digests of every existing table downstream of the trips.
  std::map<std::string, std::string> Contents() {
    std::map<std::string, std::string> contents;
    for (const char* name :
         {"processed.long_trip", "processed.long_trip_history", "processed.priced",
          "feature.zone_trips_v1", "feature.zone_long_v1", "feature.zone_priced_v1"}) {
      const auto found = workspace->FindTable(name);
      if (found.ok() && *found) contents[name] = Content(name).ToHex();
    }
    return contents;
  }
  // The newest run of a kind.
  catalog::Run LastRun(const std::string& kind) {
    catalog::RunFilter filter;
    filter.kind = catalog::KindNamed<catalog::RunKind>(kind);
    filter.limit = 1;
    const auto runs = workspace->catalog().Runs(filter);
    EXPECT_OK(runs);
    return runs.ok() && !runs->empty() ? runs->front() : catalog::Run();
  }
};
}  // namespace weirhouse::work
