#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "testing/projects/trip_fixture.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/serving/online.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct ExternalTest : TripTest {
  void ApplyAll() { ASSERT_OK(Apply(*workspace, "", NoProgress())); }
  void Run() { ASSERT_OK(RunPending(*workspace, NoProgress())); }
  // How the last feature run followed `view`.
  json How(const std::string& view = "feature.zone_trips_v1") {
    return LastRun("feature").plan.inputs.value("changes", json::object()).value(view, json());
  }
  std::set<std::string> ReadBy(const catalog::Run& run) {
    std::set<std::string> read;
    const auto edges = workspace->catalog().EdgesInto(catalog::RunNode(run.id));
    EXPECT_OK(edges);
    for (const auto& edge : *edges) {
      if (edge.kind == catalog::EdgeKind::kRead)
        read.insert(fmt::format("{} {}", catalog::Name(edge.from.kind), edge.from.key));
    }
    return read;
  }
  std::string Newest(const std::string& table) {
    return fmt::format("snapshot {}@{}", table,
                       workspace->catalog().Snapshots(table).value().back().seq.value());
  }
  // Whether some feature run followed the trips so.
  bool Followed(const json& how) {
    catalog::RunFilter filter;
    filter.kind = catalog::RunKind::kFeature;
    const auto runs = workspace->catalog().Runs(filter);
    EXPECT_OK(runs);
    return std::any_of(runs->begin(), runs->end(), [&](const catalog::Run& run) {
      const json changes = run.plan.inputs.value("changes", json::object());
      return changes.value("feature.zone_trips_v1", json::object()) == how;
    });
  }
  std::map<std::string, std::string> Answers() {
    std::map<std::string, std::string> answers;
    for (const char* zone : {"a", "b", "c", "d"}) {
      for (const std::int64_t at_s : {1'700'050'000, 1'700'100'000}) {
        OnlineRequest request{{"zone_trips@1:*", "zone_long@1:*", "zone_priced@1:*"},
                              {{"zone", zone}},
                              EventTimeOfMicros(at_s * 1'000'000)};
        const auto answer = OnlineFeatures(*workspace, request);
        EXPECT_OK(answer);
        if (!answer.ok()) continue;
        for (const OnlineFeature& feature : answer->features) {
          answers[fmt::format("{} {} {}", zone, at_s, feature.name)] =
              feature.status + " " + feature.bits;
        }
      }
    }
    return answers;
  }
  int RunInChild(const std::string& failpoint) {
    const std::string command = fmt::format(
        "WEIRHOUSE_FAILPOINT={} WEIRHOUSE_TEST_PROJECT={} {} "
        "--gtest_also_run_disabled_tests --gtest_filter=CrashingRun.* >/dev/null 2>&1",
        failpoint, scratch.path().string(),
        std::filesystem::read_symlink("/proc/self/exe").string());
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // What increments left is what a rebuild makes, offline and online.
  void ExpectEqualToRebuild() {
    const auto contents = Contents();
    const auto answers = Answers();
    ASSERT_OK(RunFull(*workspace, NoProgress()));
    EXPECT_EQ(contents, Contents());
    EXPECT_EQ(answers, Answers());
    ASSERT_OK_AND(const SkewReport skew, MeasureSkew(*workspace, 50, 1));
    EXPECT_EQ(skew.differing + skew.status_differing, 0)
        << (skew.first.empty() ? "" : skew.first[0]);
  }
};

TEST_F(ExternalTest, ApplyMakesTheTableOfItsContractInOneCommit) {
  ASSERT_OK_AND(const Plan plan, MakePlan(*workspace));
  const auto item = std::find_if(plan.items.begin(), plan.items.end(),
                                 [](const PlanItem& one) { return one.name == "processed.trips"; });
  ASSERT_NE(item, plan.items.end());
  EXPECT_EQ(item->detail, "external: other engines write it, and keep its key unique");
  ApplyAll();
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.trips"));
  EXPECT_EQ(table->current_snapshot(), nullptr);
  ASSERT_EQ(table->schema().fields.size(), 5U);
  EXPECT_EQ(table->schema().fields[0].name, "trip_id");
  EXPECT_EQ(table->schema().fields[2].type.kind(), iceberg::TypeKind::kLong);
  EXPECT_TRUE(table->schema().fields[2].required);
  EXPECT_EQ(table->schema().fields[3].type.kind(), iceberg::TypeKind::kTimestampTz);
  EXPECT_EQ(table->schema().identifier_field_ids, std::vector<int>{1});
  EXPECT_EQ(table->spec().fields.at(0).transform, "day");
  EXPECT_EQ(table->properties.at("weirhouse.contract"), "trips 1.0.0");
  EXPECT_TRUE(std::filesystem::is_directory(table->location + "/data"));
  ASSERT_OK_AND(const Plan again, MakePlan(*workspace));
  EXPECT_TRUE(again.empty());
}

TEST_F(ExternalTest, AdditiveChangesOfTheContractEvolveTheTable) {
  ApplyAll();
  Insert({{"t1"}, {"t2", "b", 30}});
  Run();
  std::string contract = weirhouse::testing::ProjectFile("trips", "contracts/trips.odcs.yaml");
  contract.replace(contract.find("1.0.0"), 5, "1.1.0");
  contract += "      - { name: tip, logicalType: integer }\n";
  Write("contracts/trips.odcs.yaml", contract);
  Reopen();
  ApplyAll();
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.trips"));
  ASSERT_NE(table->schema().Find("tip"), nullptr);
  EXPECT_FALSE(table->schema().Find("tip")->required);
  EXPECT_EQ(table->properties.at("weirhouse.contract"), "trips 1.1.0");
  EXPECT_EQ(Rows("processed.trips"), 2);
  Delete({"t1"});
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 1);
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, AChangeOfItsContractAndTheSqlOverItIsOneCommitOrNothing) {
  ApplyAll();
  Insert({{"t1"}, {"t2", "b", 30}});
  Run();
  std::string contract = weirhouse::testing::ProjectFile("trips", "contracts/trips.odcs.yaml");
  contract.replace(contract.find("1.0.0"), 5, "1.1.0");
  contract += "      - { name: tip, logicalType: integer }\n";
  Write("contracts/trips.odcs.yaml", contract);
  const auto tips = [&](const std::string& select) {
    Write("processed/tips.sql", "-- wh: table processed.tips; key trip_id; mode full\nSELECT " +
                                    select + " FROM processed.trips AS t\n");
    Reopen();
  };
  // Fails whatever rows there are.
  tips("coalesce(min(t.trip_id), '-') AS trip_id, CAST(count(t.tip) + 300 AS TINYINT) AS tip");
  ASSERT_OK_AND(const CommitSeq before, workspace->catalog().LastSeq());
  EXPECT_EQ(Apply(*workspace, "", NoProgress()).status().error_code(), "WH2114");
  ASSERT_OK_AND(const CommitSeq after, workspace->catalog().LastSeq());
  EXPECT_EQ(before, after);
  ASSERT_OK_AND(const iceberg::TablePtr same, workspace->LoadTable("processed.trips"));
  EXPECT_EQ(same->schema().Find("tip"), nullptr);
  tips("t.trip_id, coalesce(t.tip, 7) AS tip");
  ApplyAll();
  ASSERT_OK_AND(const Plan plan, MakePlan(*workspace));
  EXPECT_TRUE(plan.empty());
  EXPECT_EQ(Rows("processed.tips"), 2);
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.trips"));
  EXPECT_NE(table->schema().Find("tip"), nullptr);
  Delete({"t1"});
  Run();
  EXPECT_EQ(Rows("processed.tips"), 1);
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, BreakingChangesAreRefused) {
  ApplyAll();
  std::string contract = weirhouse::testing::ProjectFile("trips", "contracts/trips.odcs.yaml");
  contract.replace(contract.find("fare, logicalType: integer"), 26, "fare, logicalType: string ");
  contract.replace(contract.find(", logicalTypeOptions: { minimum: 0 }"), 36, "");
  Write("contracts/trips.odcs.yaml", contract);
  Write("processed/long_trip.sql",
        "-- wh: table processed.long_trip; key trip_id; mode full; history keep\n"
        "SELECT t.trip_id, t.zone, 1 AS twice, t.at, t.known_at FROM processed.trips AS t\n");
  Write("features/zone.yaml",
        "{ feature_view: zone_trips, version: 2, entity: { zone: string }, source: "
        "processed.trips, event_time: at, known_time: known_at, windows: [24h], features: { n: { "
        "agg: count } } }");
  Reopen();
  EXPECT_EQ(MakePlan(*workspace).status().code(), Code::kContractRefused);
  contract.replace(contract.find("1.0.0"), 5, "2.0.0");
  Write("contracts/trips.odcs.yaml", contract);
  Reopen();
  const auto plan = MakePlan(*workspace);
  EXPECT_EQ(plan.status().error_code(), "WH2025") << "the rows there are cannot follow";
  EXPECT_THAT(plan.status().message(), HasSubstr("fare"));
}

TEST_F(ExternalTest, SqlDoesNotTakeOverWhatOtherEnginesWrote) {
  ApplyAll();
  Write("processed/trips.sql",
        "-- wh: table processed.trips; key zone; mode full\nSELECT r.zone, r.price AS fare, "
        "r.set_at AS at, r.set_at AS known_at, r.zone AS trip_id FROM records.tariff AS r\n");
  Reopen();
  EXPECT_EQ(MakePlan(*workspace).status().error_code(), "WH2025");
}

TEST_F(ExternalTest, AViewOfAnExternalTableSaysFromWhenRowsCount) {
  Write("features/more.yaml",
        "{ feature_view: bare, version: 1, entity: { zone: string }, source: processed.trips, "
        "event_time: at, windows: [24h], features: { n: { agg: count } } }");
  const auto project = LoadProject(scratch.path().string(), "");
  ASSERT_FALSE(project.ok());
  EXPECT_EQ(project.status().error_code(), "WH4026") << project.status().ToString();
  EXPECT_EQ(project.status().hint(), "known_time: known_at");
}

TEST_F(ExternalTest, AppendsReachFeaturesAndSql) {
  LandTariff("2023-11-01", {{"a", 1}, {"b", 2}});
  ApplyAll();
  Insert({{"t1", "a", 10}, {"t2", "a", 30}, {"t3", "b", 40}});
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 3);
  EXPECT_EQ(Rows("processed.long_trip"), 2);
  EXPECT_EQ(Rows("processed.long_trip_history"), 2);
  EXPECT_EQ(Rows("processed.priced"), 2);
  EXPECT_EQ(Rows("feature.zone_priced_v1"), 2);
  Insert({{"t4", "b", 50}});
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 4);
  EXPECT_EQ(Rows("processed.priced"), 3);
  // The run of the features of what the engine wrote, and that of what SQL made of it.
  EXPECT_EQ(How("feature.zone_priced_v1").value("how", ""), "rebuild");
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, WhatARunReadOfOtherEnginesIsInItsLineage) {
  Write("processed/priced.sql",
        "-- wh: table processed.priced; key trip_id; event at; known known_at; mode full\n"
        "SELECT t.trip_id, t.zone, t.fare + p.price AS total, t.at, t.known_at FROM "
        "processed.trips AS t JOIN processed.tariff AS p USING (zone)\n");
  Reopen();
  ApplyAll();
  Insert({{"t1", "a", 30}});
  Run();
  LandTariff("2023-11-01", {{"a", 1}});
  Run();
  EXPECT_EQ(Rows("processed.priced"), 1);
  EXPECT_THAT(ReadBy(LastRun("processed")), Contains(Newest("processed.trips")))
      << "a batch of records whose SQL joins it";
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_THAT(ReadBy(LastRun("processed")),
              UnorderedElementsAre(Newest("raw.tariff"), Newest("processed.trips")));
}

TEST_F(ExternalTest, NothingIsDoneTwice) {
  ApplyAll();
  Insert({{"t1", "a", 30}});
  Run();
  ASSERT_OK_AND(const CommitSeq last, workspace->catalog().LastSeq());
  Run();
  EXPECT_EQ(workspace->catalog().LastSeq().value(), last);
}

TEST_F(ExternalTest, DeletesBecomeRetractions) {
  ApplyAll();
  Insert({{"t1", "a", 10}, {"t2", "a", 30}, {"t3", "b", 40}});
  Run();
  Delete({"t1", "t3"});
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 1);
  EXPECT_EQ(Rows("processed.long_trip"), 1);
  EXPECT_TRUE(Followed({{"how", "retractions"}, {"rows", 0}, {"keys", 2}}));
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, TheLastRowMayLeave) {
  LandTariff("2023-11-01", {{"a", 1}});
  ApplyAll();
  Insert({{"t1", "a", 30}});
  Run();
  EXPECT_EQ(Rows("processed.priced"), 1);
  Delete({"t1"});
  Run();
  for (const char* table : {"feature.zone_trips_v1", "processed.long_trip", "processed.priced",
                            "feature.zone_priced_v1", "feature.zone_long_v1"}) {
    EXPECT_EQ(Rows(table), 0) << table;
  }
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, CopyOnWriteRetractsOnlyWhatChanged) {
  ApplyAll();
  Insert({{"t1", "a", 10}, {"t2", "a", 12}, {"t3", "b", 14}});
  Run();
  Rewrite({{"t1", "a", 10}, {"t2", "a", 13}, {"t4", "c", 5}});
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_TRUE(Followed({{"how", "retractions"}, {"rows", 2}, {"keys", 2}}));
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, WithoutTheSnapshotSeenLastDependantsAreRebuilt) {
  ApplyAll();
  Insert({{"t1", "a", 10}, {"t2", "a", 12}});
  Run();
  Delete({"t1"});
  Insert({{"t3", "b", 14}});
  ASSERT_OK(
      ExpireTable(*workspace, "processed.trips", {1, std::nullopt, UpkeepPolicy().grace, false}));
  Run();
  EXPECT_TRUE(Followed(
      {{"how", "rebuild"}, {"rows", 2}, {"why", "the snapshot seen last is not kept any more"}}));
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, CompactionAndRollbackAreFollowedToo) {
  ApplyAll();
  Insert({{"t1", "a", 10}, {"t2", "a", 12}, {"t3", "b", 30}});
  Run();
  ASSERT_OK_AND(const iceberg::TablePtr first, workspace->LoadTable("processed.trips"));
  Delete({"t1"});
  iceberg::CompactionOptions all;
  all.all = true;
  ASSERT_OK(CompactTable(*workspace, "processed.trips", all));
  Run();
  EXPECT_TRUE(Followed({{"how", "retractions"}, {"rows", 0}, {"keys", 1}}));
  ExpectEqualToRebuild();
  ASSERT_OK(RollbackTable(*workspace, "processed.trips", first->current_snapshot()->id));
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 3);
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, RowsUnderOneKeyAreRebuiltNotFollowed) {
  ApplyAll();
  Insert({{"t1", "a", 10}, {"t2", "b", 12}});
  Run();
  Insert({{"t1", "a", 11, 1'700'000'500}});
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 3);
  ExpectEqualToRebuild();
  Delete({"t2"});
  Run();
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 2);
  ExpectEqualToRebuild();
  Rewrite({{"t1", "a", 10}});
  Run();
  Insert({{"t5", "b", 12}});
  Run();
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, AGateBetweenHaltsWhatFollowsAndOnlyThat) {
  Write(
      "gates/long.yaml",
      "gate: long\ntable: processed.long_trip\nchecks:\n  - range: { column: twice, max: 100 }\n");
  Reopen();
  ApplyAll();
  Insert({{"t1", "a", 30}});
  Run();
  Insert({{"t2", "a", 300}});
  ASSERT_OK_AND(const RunSummary halted, RunPending(*workspace, NoProgress()));
  ASSERT_TRUE(halted.halted.has_value());
  EXPECT_THAT(halted.halted_message, HasSubstr("long FAILED"));
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 2) << "nothing judges these";
  EXPECT_EQ(Rows("processed.long_trip"), 1);
  ASSERT_OK(OverrideGate(*workspace, *halted.halted, "known", "me"));
  Run();
  EXPECT_EQ(Rows("processed.long_trip"), 2);
  EXPECT_EQ(Rows("feature.zone_long_v1"), 2);
  ExpectEqualToRebuild();
  Insert({{"t3", "a", 400}});
  ASSERT_OK_AND(const RunSummary second, RunPending(*workspace, NoProgress()));
  ASSERT_TRUE(second.halted.has_value());
  ASSERT_OK(DiscardGate(*workspace, *second.halted, "wrong", "me"));
  Run();
  EXPECT_EQ(Rows("processed.long_trip"), 2);
}

TEST_F(ExternalTest, IncrementsEqualARebuildWhateverEnginesDo) {
  LandTariff("2023-11-01", {{"a", 1}, {"b", 2}, {"c", 3}});
  ApplyAll();
  for (const unsigned seed : {1U, 2U}) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t end) { return std::size_t{random()} % end; };
    std::map<std::string, Trip> trips;
    Rewrite({});
    for (int step = 0; step < 9; ++step) {
      const auto make = [&](const std::string& id) {
        Trip trip{id, std::string(1, static_cast<char>('a' + below(4))),
                  static_cast<std::int64_t>(below(60)),
                  1'700'000'000 + static_cast<std::int64_t>(below(100'000)), 0};
        trip.known_s = trip.at_s + static_cast<std::int64_t>(below(3)) * 600;
        return trip;
      };
      std::set<std::string> touched;
      for (const auto& [id, trip] : trips) {
        if (below(4) == 0) touched.insert(id);
      }
      std::vector<Trip> rows;
      switch (below(4)) {
        case 0:  // INSERT
          for (std::size_t i = 0; i < 1 + below(8); ++i) {
            const std::string id = fmt::format("{}-{}-{}", seed, step, i);
            rows.push_back(trips[id] = make(id));
          }
          Insert(rows);
          break;
        case 1:  // DELETE
          for (const std::string& id : touched) trips.erase(id);
          Delete(touched);
          break;
        case 2:  // UPDATE: delete and insert
          for (const std::string& id : touched) rows.push_back(trips[id] = make(id));
          Delete(touched, rows);
          break;
        default:  // copy on write
          for (const std::string& id : touched) trips[id] = make(id);
          for (const auto& [id, trip] : trips) rows.push_back(trip);
          Rewrite(rows);
      }
      if (below(3) == 0) continue;  // several commits at once
      Run();
      if (trips.empty()) continue;
      ASSERT_EQ(Rows("feature.zone_trips_v1"), static_cast<std::int64_t>(trips.size()));
    }
    Run();
    ExpectEqualToRebuild();
  }
}

constexpr const char* kChildProject = "WEIRHOUSE_TEST_PROJECT";

// Runs what waits, in a process of its own that a failpoint ends.
TEST(CrashingRun, DISABLED_RunsWhatWaits) {
  const char* root = std::getenv(kChildProject);
  ASSERT_NE(root, nullptr);
  ASSERT_OK_AND(const auto project, LoadProject(root, ""));
  ASSERT_OK_AND(const auto workspace, Workspace::Open(project, Access::kWrite));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
}

TEST_F(ExternalTest, ACrashAnywhereDownstreamIsMadeGood) {
  LandTariff("2023-11-01", {{"a", 1}, {"b", 2}});
  ApplyAll();
  int round = 0;
  for (const char* failpoint :
       {"processed.staged_table", "engine.publish.before_commit", "processed.committed",
        "feature.staged_table", "feature.committed", "feature.indexed"}) {
    ++round;
    Insert(
        {{fmt::format("t{}", round), "a", 10 + round * 3}, {fmt::format("u{}", round), "b", 40}});
    Delete({fmt::format("u{}", round - 1)});
    workspace.reset();
    ASSERT_EQ(RunInChild(failpoint), 137) << failpoint;
    Reopen();
    Run();
    EXPECT_EQ(Rows("feature.zone_trips_v1"), round + 1) << failpoint;
    const auto contents = Contents();
    ASSERT_OK(RunFull(*workspace, NoProgress()));
    ASSERT_EQ(contents, Contents()) << failpoint;
  }
  ExpectEqualToRebuild();
}

TEST_F(ExternalTest, ATransactionOverTwoTablesIsSeenWholeOrNotAtAll) {
  Write("processed/refunds.sql",
        "-- wh: table processed.refunds; key trip_id; mode external; contract trips\n");
  Write("processed/both.sql",
        "-- wh: table processed.both; key zone; order set_at; mode full\n"
        "SELECT r.zone, r.price, r.set_at, t.x, u.y FROM records.tariff AS r\n"
        "CROSS JOIN (SELECT count(*) AS x FROM processed.trips) AS t\n"
        "CROSS JOIN (SELECT count(*) AS y FROM processed.refunds) AS u\n");
  Reopen();
  ApplyAll();
  // The other engine adds a row to both, in one commit, a few times in each batch: what follows
  // them goes on until there is nothing new.
  const auto commit_some = [&](int day) {
    for (int i = 6 * day; i < 6 * day + 6; ++i) {
      StepInputs step;
      step.kind = catalog::RunKind::kForeign;
      step.name = "both";
      step.inputs = {{"i", i}};
      ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
      Publication publication(*workspace, run, catalog::Layer::kProcessed, "");
      for (const char* name : {"processed.trips", "processed.refunds"}) {
        ASSERT_OK_AND(const iceberg::TablePtr base, workspace->LoadTable(name));
        iceberg::StagedWrite write(workspace->store(), base, workspace->random(),
                                   publication.StageAs());
        ASSERT_OK(write.Append(*TripRows({{fmt::format("t{}", i)}})));
        ASSERT_OK_AND(const iceberg::StagedTable staged, write.Finish());
        publication.Add(staged);
      }
      ASSERT_OK(publication.Commit());
    }
  };
  for (int day = 1; day <= 4; ++day) {
    LandTariff(fmt::format("2023-11-{:02}", day), {{"a", day}, {"b", 2 * day}});
    std::thread engine(commit_some, day);
    EXPECT_OK(RunPending(*workspace, NoProgress()));
    engine.join();
  }
  ASSERT_OK_AND(const auto snapshots, workspace->catalog().Snapshots("processed.both"));
  EXPECT_GE(snapshots.size(), 4U);
  for (const catalog::SnapshotRecord& snapshot : snapshots) {
    ASSERT_OK_AND(const auto rows,
                  workspace->ReadTable("processed.both", {"x", "y"}, snapshot.snapshot));
    for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
      EXPECT_EQ(rows->column(0)->GetScalar(row).ValueOrDie()->ToString(),
                rows->column(1)->GetScalar(row).ValueOrDie()->ToString())
          << "commit " << snapshot.seq.value();
    }
  }
}
}  // namespace
}  // namespace weirhouse::work
