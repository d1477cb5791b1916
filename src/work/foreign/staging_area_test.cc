#include "work/foreign/staging_area.h"

#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "ground/platform/db/sqlite.h"
#include "rules/policy/token.h"
#include "testing/projects/trip_fixture.h"
#include "work/foreign/foreign_commit.h"
#include "work/pipeline/rebuild/full_run.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Two tables that other engines write, both with a gate.
struct StagingAreaTest : TripTest {
  void SetUp() override {
    TripTest::SetUp();
    Write("processed/refunds.sql",
          "-- wh: table processed.refunds; key trip_id; mode external; contract trips\n");
    Write("gates/trips.yaml",
          "gate: trips\ntable: processed.trips\nchecks:\n"
          "  - unique: { columns: [trip_id], scope: table }\n"
          "  - sql: { name: refund_known, rows: 0, query: select r.* from processed.refunds r anti "
          "join this_table t using (trip_id) }\n");
    Write("gates/refunds.yaml",
          "gate: refunds\ntable: processed.refunds\nchecks:\n  - range: { column: fare, max: 100 "
          "}\n");
    Reopen();
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
  }
  // What a client of the area does: rows staged, as the mapping asks for.
  void Stage(const StagingArea& area, const std::string& table, const std::vector<Trip>& trips,
             const std::set<std::string>& deleted = {}) {
    ForeignCommit(
        [&](iceberg::StagedWrite& write, const iceberg::TablePtr& base) {
          const iceberg::Snapshot* main = base->current_snapshot();
          const std::string key = "weirhouse.staged." + ToString(area.run) + ".base";
          if (base->properties.count(key) == 0) {
            write.SetProperty(key, main == nullptr ? "0" : std::to_string(main->id.value()));
          }
          const auto seen =
              std::make_shared<const iceberg::TableMetadata>(AsSeenThrough(area, *base));
          if (!deleted.empty()) ASSERT_OK(write.DeleteRows(PlacesOf(seen, deleted)));
          if (!trips.empty()) ASSERT_OK(write.Append(*TripRows(trips)));
        },
        table, StagingRefOf(area.run));
  }
  StagingArea Open() {
    auto opened =
        OpenStagingArea(*workspace, {"processed.trips", "processed.refunds"}, "me", std::nullopt);
    EXPECT_OK(opened);
    return opened.ok() ? opened->area : StagingArea{};
  }
};

TEST_F(StagingAreaTest, OpensWithATokenThatWritesItsTablesAlone) {
  ASSERT_OK_AND(const OpenedView opened,
                OpenStagingArea(*workspace, {"processed.trips"}, "me", std::chrono::hours(1)));
  EXPECT_EQ(opened.area.state, "open");
  ASSERT_OK_AND(const auto token, policy::FindToken(workspace->catalog(), opened.token));
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(token->who.staging_area, opened.area.run);
  EXPECT_THAT(token->who.view_tables, ElementsAre("processed.trips"));
  ASSERT_OK_AND(const StagingArea found, FindStagingArea(*workspace, opened.area.run));
  EXPECT_EQ(found.opened_by, "me");
  EXPECT_EQ(FindStagingArea(*workspace, RunId(4711)).status().error_code(), "WH7110");
}

TEST_F(StagingAreaTest, IsRefusedOfTablesThatAreNotOtherEngines) {
  const auto open = [&](const std::vector<std::string>& tables) {
    return OpenStagingArea(*workspace, tables, "me", std::nullopt).status().error_code();
  };
  LandTariff("2023-11-01", {{"a", 1}});
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(open({"processed.tariff"}), "WH7113");
  EXPECT_EQ(open({"raw.tariff"}), "WH7113");
  EXPECT_EQ(open({"processed.nothing"}), "WH7101");
  EXPECT_EQ(open({}), "WH7117");
  EXPECT_EQ(open({"processed.trips", "processed.trips"}), "WH7117");
}

TEST_F(StagingAreaTest, PublishesTwoTablesAtOnceWithVerdictsLineageAndEvents) {
  const StagingArea area = Open();
  Stage(area, "processed.trips", {{"t1", "a", 10}, {"t2", "a", 30}});
  Stage(area, "processed.refunds", {{"t1", "a", 5}});
  Stage(area, "processed.trips", {{"t3", "b", 7}});
  EXPECT_EQ(Rows("processed.trips"), 0) << "readers see nothing yet";
  ASSERT_OK_AND(const CommitSeq before, workspace->catalog().LastSeq());
  ASSERT_OK_AND(const StagingVerdict verdict, PublishStagingArea(*workspace, area.run, "me"));
  EXPECT_TRUE(verdict.published) << verdict.message;
  EXPECT_EQ(Rows("processed.trips"), 3);
  EXPECT_EQ(Rows("processed.refunds"), 1);
  ASSERT_OK_AND(const auto trips, workspace->catalog().FindTable("processed.trips"));
  ASSERT_OK_AND(const auto refunds, workspace->catalog().FindTable("processed.refunds"));
  EXPECT_EQ(trips->seq, refunds->seq) << "one commit";
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.trips"));
  EXPECT_EQ(table->refs.size(), 1U) << "the staging ref is gone";
  for (const auto& [key, value] : table->properties)
    EXPECT_FALSE(key.starts_with("weirhouse.staged"));
  // Each sequence number of a file is known to have become visible by this commit.
  for (const iceberg::Snapshot& snapshot : table->snapshots) {
    EXPECT_EQ(workspace->catalog().SeqOf(table->name, snapshot.sequence_number).value(),
              trips->seq);
  }
  ASSERT_OK_AND(const auto entries, workspace->catalog().Commits(before, 1));
  EXPECT_EQ(entries[0].layer, catalog::Layer::kProcessed);
  EXPECT_EQ(entries[0].run, area.run);
  EXPECT_EQ(workspace->catalog().Verdicts({std::nullopt, area.run, 100})->size(), 4U);
  ASSERT_OK_AND(const auto read, workspace->catalog().EdgesInto(catalog::RunNode(area.run)));
  const auto from = [&](catalog::NodeKind kind) {
    return std::count_if(read.begin(), read.end(),
                         [&](const auto& edge) { return edge.from.kind == kind; });
  };
  EXPECT_EQ(from(catalog::NodeKind::kRun), 3) << "the commits of the other engine";
  EXPECT_EQ(from(catalog::NodeKind::kContract), 1);
  EXPECT_EQ(FindStagingArea(*workspace, area.run)->state, "published");
  EXPECT_EQ(PublishStagingArea(*workspace, area.run, "me").status().error_code(), "WH7114");
  // Downstream follows.
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 3);
  const auto contents = Contents();
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Contents(), contents);
}

TEST_F(StagingAreaTest, AFailingGateMovesNothingUntilTheRowsAreMended) {
  const StagingArea first = Open();
  Stage(first, "processed.trips", {{"t1", "a", 10}});
  ASSERT_TRUE(PublishStagingArea(*workspace, first.run, "me")->published);
  const StagingArea area = Open();
  Stage(area, "processed.trips", {{"t2", "a", 11}});
  Stage(area, "processed.refunds", {{"t9", "a", 500}});
  ASSERT_OK_AND(const StagingVerdict failed, PublishStagingArea(*workspace, area.run, "me"));
  EXPECT_FALSE(failed.published);
  EXPECT_THAT(failed.message,
              HasSubstr("gate trips FAILED on processed.trips:\n  check refund_known"));
  EXPECT_THAT(failed.message, HasSubstr("gate refunds FAILED"));
  EXPECT_THAT(failed.message, HasSubstr("500"));
  EXPECT_THAT(failed.message, HasSubstr("100"));
  EXPECT_THAT(failed.message, HasSubstr("wh staging publish"));
  EXPECT_EQ(Rows("processed.trips"), 1);
  EXPECT_EQ(Rows("processed.refunds"), 0);
  ASSERT_OK_AND(const StagingArea open, FindStagingArea(*workspace, area.run));
  EXPECT_EQ(open.state, "open");
  EXPECT_EQ(open.problem, failed.message);
  ASSERT_OK_AND(const auto verdicts, workspace->catalog().Verdicts({"refunds", std::nullopt, 10}));
  EXPECT_EQ(verdicts[0].state, catalog::VerdictState::kFailed);
  ASSERT_OK_AND(const auto events, workspace->catalog().PendingEvents(100));
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const catalog::OutboxEvent& event) {
    return event.type == "weirhouse.gate.failed" && event.subject == "refunds";
  }));
  // A failed batch is no history for later ones.
  ASSERT_OK_AND(const auto metrics,
                workspace->catalog().Metrics("processed.refunds", "profile", EventTime::min(),
                                             EventTime::max()));
  ASSERT_EQ(metrics.size(), 1U);
  EXPECT_FALSE(metrics[0].in_baseline);

  Stage(area, "processed.refunds", {{"t2", "a", 50}}, {"t9"});
  ASSERT_OK_AND(const StagingVerdict mended, PublishStagingArea(*workspace, area.run, "me"));
  EXPECT_TRUE(mended.published) << mended.message;
  EXPECT_EQ(Rows("processed.trips"), 2);
  EXPECT_EQ(Rows("processed.refunds"), 1);
}

TEST_F(StagingAreaTest, RowsThatBreakTheContractArePublishedByNoOne) {
  const StagingArea area = Open();
  Stage(area, "processed.trips",
        {{"t1", "a", -4}, {"t2", "much too long a zone", 10}, {"t3", "a", -5}});
  ASSERT_OK_AND(const StagingVerdict failed, PublishStagingArea(*workspace, area.run, "me"));
  EXPECT_FALSE(failed.published);
  EXPECT_THAT(failed.message, HasSubstr("contract trips 1.0.0 broken by rows for processed.trips"));
  EXPECT_THAT(failed.message, HasSubstr("fare below minimum 0 in 2 of 3 rows"));
  EXPECT_THAT(failed.message, HasSubstr("zone longer than 10 in 1 of 3 rows"));
  Stage(area, "processed.trips", {}, {"t1", "t2", "t3"});
  ASSERT_OK_AND(const StagingVerdict mended, PublishStagingArea(*workspace, area.run, "me"));
  EXPECT_TRUE(mended.published) << mended.message;
}

TEST_F(StagingAreaTest, TheBatchIsWhatTheViewAddsNotWhatWasThere) {
  Insert({{"old", "a", 10}});
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  const StagingArea area = Open();
  Stage(area, "processed.trips", {{"old", "a", 12}, {"t2", "a", 13}}, {"old"});
  ASSERT_OK_AND(const StagingVerdict verdict, PublishStagingArea(*workspace, area.run, "me"));
  ASSERT_TRUE(verdict.published) << verdict.message;
  EXPECT_EQ(verdict.verdicts[0].checks[0].at("population"), 2);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("feature.zone_trips_v1"), 2);
}

TEST_F(StagingAreaTest, MainThatMovedMeanwhileIsAConflict) {
  const StagingArea area = Open();
  Stage(area, "processed.trips", {{"t1", "a", 10}});
  Insert({{"t2", "b", 10}});
  EXPECT_EQ(PublishStagingArea(*workspace, area.run, "me").status().error_code(), "WH7111");
  EXPECT_EQ(Rows("processed.trips"), 1);
  ASSERT_OK(DiscardStagingArea(*workspace, area.run, "stale", "me"));
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.trips"));
  EXPECT_EQ(table->refs.size(), 1U);
  EXPECT_EQ(FindStagingArea(*workspace, area.run)->state, "discarded");
  EXPECT_EQ(DiscardStagingArea(*workspace, area.run, "again", "me").error_code(), "WH7114");
  ASSERT_OK(RunFull(*workspace, NoProgress()));  // a discarded area stops no rebuild
}

TEST_F(StagingAreaTest, WhatCannotBeReadOfOneIsNamed) {
  const StagingArea area = Open();
  ASSERT_OK_AND(const auto catalog,
                platform::Sqlite::Open(scratch / ".weirhouse/catalog.db", /*read_only=*/false));
  const std::string key = catalog::setting::StagingAreas().Of(ToString(area.run)).key().text();
  ASSERT_OK(catalog->Run("UPDATE setting SET value = '{}' WHERE key = ?", {key}));
  const Status status = FindStagingArea(*workspace, area.run).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.error_code(), "WH7116");
  EXPECT_THAT(status.message(), HasSubstr("a staging area cannot be read: " + key + ": "));
  EXPECT_THAT(status.message(), HasSubstr("tables"));
  EXPECT_THAT(status.hint(), HasSubstr("`wh verify`"));
}

TEST_F(StagingAreaTest, NothingStagedIsNothingToPublish) {
  const StagingArea area = Open();
  EXPECT_EQ(PublishStagingArea(*workspace, area.run, "me").status().error_code(), "WH7115");
  EXPECT_EQ(DiscardStagingArea(*workspace, area.run, "", "me").error_code(), "WH3021");
  ASSERT_OK_AND(const auto areas, StagingAreas(*workspace));
  ASSERT_EQ(areas.size(), 1U);
  EXPECT_EQ(areas[0].run, area.run);
}

constexpr const char* kViewChildProject = "WEIRHOUSE_TEST_VIEW_PROJECT";

// Publishes the newest staging area, in a process of its own that a failpoint ends.
TEST(CrashingPublish, DISABLED_PublishesTheNewest) {
  const char* root = std::getenv(kViewChildProject);
  ASSERT_NE(root, nullptr);
  ASSERT_OK_AND(const auto project, LoadProject(root, ""));
  ASSERT_OK_AND(const auto workspace, Workspace::Open(project, Access::kWrite));
  ASSERT_OK_AND(const auto areas, StagingAreas(*workspace));
  ASSERT_OK(PublishStagingArea(*workspace, areas.at(0).run, "me"));
}

TEST_F(StagingAreaTest, ACrashWhilePublishingLeavesAllTablesOrNone) {
  int published = 0;
  for (const char* failpoint :
       {"staging_area.judged", "staging_area.staged", "catalog.commit.pointers",
        "catalog.group.before_commit", "staging_area.published"}) {
    const StagingArea area = Open();
    const std::string id = fmt::format("t{}", published);
    Stage(area, "processed.trips", {{id, "a", 10}});
    Stage(area, "processed.refunds", {{id, "a", 5}});
    workspace.reset();
    const std::string command = fmt::format(
        "WEIRHOUSE_FAILPOINT={} {}={} {} --gtest_also_run_disabled_tests "
        "--gtest_filter=CrashingPublish.* >/dev/null 2>&1",
        failpoint, kViewChildProject, scratch.path().string(),
        std::filesystem::read_symlink("/proc/self/exe").string());
    const int status = std::system(command.c_str());
    Reopen();
    ASSERT_EQ(WEXITSTATUS(status), 137) << failpoint;
    const bool done = FindStagingArea(*workspace, area.run)->state == "published";
    EXPECT_EQ(done, std::string_view(failpoint) == "staging_area.published") << failpoint;
    EXPECT_EQ(Rows("processed.trips"), published + (done ? 1 : 0)) << failpoint;
    EXPECT_EQ(Rows("processed.refunds"), published + (done ? 1 : 0)) << failpoint;
    if (!done) {
      ASSERT_TRUE(PublishStagingArea(*workspace, area.run, "me")->published) << failpoint;
    }
    ++published;
    EXPECT_EQ(Rows("processed.trips"), published) << failpoint;
  }
  EXPECT_EQ(published, 5);
}
}  // namespace
}  // namespace weirhouse::work
