// Objects that ended the process, objects that did not, and taking back what was quarantined whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "testing/projects/shop_fixture.h"
#include "work/lineage/rebuild_check.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/records/batch_records.h"
#include "work/records/record_query.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::work {
namespace {
using ::testing::HasSubstr;
using StateCounts = std::map<std::string, std::int64_t>;

std::string Orders(int first, int count, int amount = 5) {
  std::string bytes;
  for (int i = first; i < first + count; ++i)
    bytes += Order(fmt::format("o{}", i), amount, "2024-01-01T06:00:00Z", "2024-01-01T07:00:00Z");
  return bytes;
}

struct RetryTest : ShopTest {
  RunSummary Run() {
    auto summary = RunPending(*workspace, NoProgress());
    EXPECT_OK(summary);
    return summary.ok() ? *summary : RunSummary();
  }
  // As if the process had ended `times` times while `name` was parsed.
  void CountDeaths(const std::string& name, const std::string& bytes, int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_OK(workspace->parsing_mark().Set({"order", name, Sha256Of(bytes)}, i + 1));
      Reopen();
    }
  }
};

// What the next process finds of the one before.
TEST(ParsingMark, TellsWhatWasParsedWhenTheProcessEnded) {
  const weirhouse::testing::ScratchFolder scratch;
  const std::string path = scratch / "parsing";
  const catalog::Arrival arrival{"order", "a b\n\xff.jsonl", Sha256Of("x")};
  {
    ASSERT_OK_AND(const auto mark, ParsingMark::Open(path));
    EXPECT_FALSE(mark->WhatWasLeft());
    ASSERT_OK(mark->Set(arrival, 1));
    mark->Unset();
    EXPECT_FALSE(mark->WhatWasLeft());
    ASSERT_OK(mark->Set({"order", "longer than the one that follows", Sha256Of("y")}, 12));
    ASSERT_OK(mark->Set(arrival, 2));
  }
  ASSERT_OK_AND(const auto mark, ParsingMark::Open(path));
  const auto left = mark->WhatWasLeft();
  ASSERT_TRUE(left);
  EXPECT_EQ(left->arrival.source, "order");
  EXPECT_EQ(left->arrival.name, arrival.name);
  EXPECT_EQ(left->arrival.digest, arrival.digest);
  EXPECT_EQ(left->attempt, 2);
}

TEST(ParsingMark, IsNotBelievedWhereItIsDamaged) {
  const weirhouse::testing::ScratchFolder scratch;
  for (const std::string bytes : {"*", "*1\norder\nabc\n3\nx", "*x\n\n\n\n", "-1\n", ""}) {
    weirhouse::testing::WriteFile(scratch / "parsing", bytes);
    ASSERT_OK_AND(const auto mark, ParsingMark::Open(scratch / "parsing"));
    EXPECT_FALSE(mark->WhatWasLeft()) << bytes;
  }
}

TEST_F(RetryTest, AnEndIsCountedOnceHoweverOftenItIsFound) {
  const catalog::Arrival arrival{"order", "x", Sha256Of("x")};
  ASSERT_OK(workspace->parsing_mark().Set(arrival, 1));
  ASSERT_OK(CountEndedParsing(workspace->parsing_mark(), workspace->catalog()));
  EXPECT_EQ(workspace->catalog().ParseAttempts(arrival).value(), 1);
  // The count was durable and the mark was not yet unset when that process ended too.
  ASSERT_OK(workspace->parsing_mark().Set(arrival, 1));
  ASSERT_OK(CountEndedParsing(workspace->parsing_mark(), workspace->catalog()));
  EXPECT_EQ(workspace->catalog().ParseAttempts(arrival).value(), 1);
}

TEST_F(RetryTest, AnObjectIsSetAsideAfterThreeEndsAndTheOthersGoOn) {
  const std::string bytes = Orders(0, 10);
  Land("2024-01-01-a.jsonl", bytes);
  Land("2024-01-01-b.jsonl", Orders(10, 5));
  CountDeaths("2024-01-01-a.jsonl", bytes, 3);
  ASSERT_OK_AND(const RunSummary summary, Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(States(), (StateCounts{{"processed", 5}, {"quarantined", 10}}));
  EXPECT_EQ(summary.refused_objects, 1);
  ASSERT_EQ(summary.refused.size(), 1U);
  EXPECT_EQ(summary.refused[0].object, "order/2024-01-01-a.jsonl");
  EXPECT_THAT(summary.refused[0].reason, HasSubstr("WH1304"));
  EXPECT_EQ(summary.refused[0].records, 10);
  EXPECT_TRUE(summary.refuses());
}

TEST_F(RetryTest, TwoEndsAreForgottenByASuccess) {
  const std::string bytes = Orders(0, 10);
  Land("2024-01-01-a.jsonl", bytes);
  CountDeaths("2024-01-01-a.jsonl", bytes, 2);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(States(), (StateCounts{{"processed", 10}}));
  EXPECT_EQ(
      workspace->catalog().ParseAttempts({"order", "2024-01-01-a.jsonl", Sha256Of(bytes)}).value(),
      0);
}

TEST_F(RetryTest, AFullRunLeavesOutWhatIsSetAsideAndEachRecordIsInOneState) {
  const std::string bytes = Orders(0, 10);
  Land("2024-01-01-a.jsonl", bytes);
  Land("2024-01-01-b.jsonl", Orders(10, 5));
  CountDeaths("2024-01-01-a.jsonl", bytes, 3);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(States(), (StateCounts{{"processed", 5}, {"quarantined", 10}}));
  EXPECT_EQ(Rows("processed.order"), 5);
}

TEST_F(RetryTest, WhatWasSetAsideIsTakenBackWithEachRecordInOneState) {
  const std::string bytes = Orders(0, 10) + "{\"id\":7}\n";
  Land("2024-01-01-a.jsonl", bytes);
  Land("2024-01-01-b.jsonl", Orders(10, 5));
  CountDeaths("2024-01-01-a.jsonl", bytes, 3);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  Land("2024-01-02.jsonl", Orders(20, 1));
  Run();
  ASSERT_EQ(States(), (StateCounts{{"processed", 6}, {"quarantined", 11}}));
  ASSERT_EQ(Rows("quarantine.order"), 1);

  ASSERT_OK_AND(const RunSummary summary,
                RetryObject(*workspace, "order", "2024-01-01-a.jsonl", NoProgress()));
  EXPECT_FALSE(summary.refuses());
  EXPECT_EQ(States(), (StateCounts{{"processed", 16}, {"quarantined", 1}}));
  EXPECT_EQ(Rows("processed.order"), 16);
  EXPECT_EQ(Rows("quarantine.order"), 1);  // the record that breaks its contract
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 16);
  const Digest content = Content("processed.order");
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Content("processed.order"), content);
  EXPECT_EQ(States(), (StateCounts{{"processed", 16}, {"quarantined", 1}}));
  EXPECT_EQ(
      RetryObject(*workspace, "order", "2024-01-01-a.jsonl", NoProgress()).status().error_code(),
      "WH1309");
}

TEST_F(RetryTest, AnObjectThatEndsTheProcessAgainStaysInQuarantine) {
  const std::string bytes = Orders(0, 10);
  Land("2024-01-01-a.jsonl", bytes);
  Land("2024-01-01-b.jsonl", Orders(10, 1));
  CountDeaths("2024-01-01-a.jsonl", bytes, 3);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  CountDeaths("2024-01-01-a.jsonl", bytes, 4);
  Run();
  EXPECT_EQ(States(), (StateCounts{{"processed", 1}, {"quarantined", 10}}));
  ASSERT_OK(RetryObject(*workspace, "order", "2024-01-01-a.jsonl", NoProgress()));
  EXPECT_EQ(States(), (StateCounts{{"processed", 11}}));
}

TEST_F(RetryTest, AGateThatStopsARetryIsDecidedAboutLikeAnyOther) {
  const std::string bytes = Orders(0, 10, /*amount=*/5000);  // above the gate's 1000
  for (const bool publish : {true, false}) {
    const std::string name = publish ? "2024-01-01-a.jsonl" : "2024-01-01-c.jsonl";
    const std::string these = publish ? bytes : Orders(100, 10, 5000);
    Land(name, these);
    Land("2024-01-01-good-" + name, Orders(publish ? 200 : 201, 1));
    CountDeaths(name, these, 3);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    const StateCounts before = States();
    ASSERT_OK_AND(const RunSummary summary, RetryObject(*workspace, "order", name, NoProgress()));
    ASSERT_TRUE(summary.halted);
    EXPECT_EQ(States(), before);
    if (publish) {
      ASSERT_OK(OverrideGate(*workspace, *summary.halted, "fine", "ann"));
    } else {
      ASSERT_OK(DiscardGate(*workspace, *summary.halted, "not fine", "ann"));
    }
    Run();
  }
  EXPECT_EQ(States(), (StateCounts{{"processed", 12}, {"excluded", 10}}));
  EXPECT_EQ(Rows("quarantine.order"), 0);
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 12);
  EXPECT_EQ(States(), (StateCounts{{"processed", 12}, {"excluded", 10}}));
}

TEST_F(RetryTest, OnlyWhatIsInQuarantineAsAWholeIsTakenBack) {
  Land("2024-01-01.jsonl", Orders(0, 1));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const auto code = [&](const std::string& name) {
    return RetryObject(*workspace, "order", name, NoProgress()).status().error_code();
  };
  EXPECT_EQ(code("2024-01-01.jsonl"), "WH1309");
  EXPECT_EQ(code("2024-01-02.jsonl"), "WH8037");
}

// Tables in which a late record meets younger ones: the words of the header that decide.
struct LateCase {
  const char* name;
  const char* order;
  bool history;
};
class LateRecords : public RetryTest, public ::testing::WithParamInterface<LateCase> {
 protected:
  static constexpr const char* kLate = "2024-01-01-b.jsonl";

  void SetUp() override {
    RetryTest::SetUp();
    Write(
        "processed/order.sql",
        fmt::format("-- wh: table processed.order; key id;{} event at; known reported_at\n"
                    "-- wh: mode incremental{}\n"
                    "SELECT r.id, r.shop, r.amount, r.at, r.reported_at FROM records.order AS r\n",
                    GetParam().order, GetParam().history ? "; history keep" : ""));
    Write("processed/of_shop.sql",  // over that table, with another key
          "-- wh: table processed.of_shop; key shop, amount; order reported_at; event reported_at\n"
          "-- wh: mode incremental\n"
          "SELECT o.shop, o.amount, o.reported_at FROM processed.order AS o\n");
    std::string view = kShopView;
    if (!GetParam().history) view.replace(view.find("_history"), 8, "");
    Write("features/sales.yaml", view);
    Reopen();
  }
  static std::string One(const std::string& id, int amount, int hour) {
    return Order(id, amount, "2024-01-01T06:00:00Z", fmt::format("2024-01-01T{:02}:00:00Z", hour));
  }
  // All but one object are processed; that one is taken back.
  void TakeBackLate() {
    const std::string late = One("o1", 6, 7) + One("o2", 2, 7) + One("o3", 3, 7) + One("o4", 4, 7) +
                             One("o5", 2, 8) + One("o2", 2, 7);
    Land("2024-01-01-a.jsonl", One("o1", 5, 7) + One("o5", 1, 7));
    Land(kLate, late);
    Land("2024-01-01-c.jsonl", One("o1", 5, 7) + One("o2", 2, 7) + One("o3", 3, 8) +
                                   One("o3", 3, 7) + One("o5", 2, 8) + One("o5", 9, 9));
    CountDeaths(kLate, late, 3);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    Land("2024-01-02.jsonl", One("o1", 6, 7) + One("o2", 2, 7) + One("o3", 3, 7));
    Run();
    ASSERT_OK(RetryObject(*workspace, "order", kLate, NoProgress()));
  }
  void ExpectIsItsRebuild(const std::string& when) {
    ASSERT_OK_AND(const RebuildReport report, CheckRebuild(*workspace, {}, NoProgress()));
    EXPECT_TRUE(report.same()) << when;
    for (const LoserDifference& loser : report.losers)
      ADD_FAILURE() << when << ": record " << loser.record.value() << " of " << loser.table << " \""
                    << loser.stored << "\", not \"" << loser.rebuilt << "\"";
    for (const TableDifference& table : report.tables)
      EXPECT_EQ(table.differing, 0) << when << ": " << table.table;
    for (const StateDifference& state : report.states)
      ADD_FAILURE() << when << ": " << state.table << " " << state.state << " " << state.counted
                    << ", not " << state.rebuilt;
  }
  std::int64_t RecordOf(const std::string& id) {
    const auto rows = workspace->ReadTable("processed.order", {"id", "_record"});
    if (!rows.ok()) return -1;
    const auto whole = (*rows)->CombineChunks().ValueOrDie();
    const auto ids = std::static_pointer_cast<arrow::StringArray>(whole->column(0)->chunk(0));
    const auto records = std::static_pointer_cast<arrow::Int64Array>(whole->column(1)->chunk(0));
    for (std::int64_t i = 0; i < whole->num_rows(); ++i)
      if (ids->GetView(i) == id) return records->Value(i);
    return -1;
  }
};

TEST_P(LateRecords, StandWhereARebuildPutsThem) {
  TakeBackLate();
  ExpectIsItsRebuild("after the retry");
  // Records 3 to 8 came late: of o2 the record 4 is the first, and 10 of the third object is not.
  EXPECT_EQ(RecordOf("o2"), 4);
  const Digest content = Content("processed.order");
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Content("processed.order"), content);
  ExpectIsItsRebuild("after run --full");
}

TEST_P(LateRecords, AreWhatLaterOnesAreComparedWith) {
  TakeBackLate();
  Land("2024-01-03.jsonl", One("o1", 6, 7) + One("o2", 2, 7) + One("o3", 3, 7) + One("o3", 3, 8));
  Run();
  ExpectIsItsRebuild("after another batch");
  workspace.reset();
  std::filesystem::remove_all(scratch / ".weirhouse/kv");  // indexes are made anew from the tables
  Reopen();
  Land("2024-01-04.jsonl", One("o1", 6, 7) + One("o2", 2, 7) + One("o3", 3, 7) + One("o5", 1, 7));
  Run();
  ExpectIsItsRebuild("after the indexes were made anew");
}

INSTANTIATE_TEST_SUITE_P(
    Tables, LateRecords,
    ::testing::Values(LateCase{"ByTime", " order reported_at;", false},
                      LateCase{"ByTimeWithHistory", " order reported_at;", true},
                      LateCase{"ByContent", "", false},
                      LateCase{"ByArrival", " order arrival;", false},
                      LateCase{"ByArrivalWithHistory", " order arrival;", true}),
    [](const auto& one) { return std::string(one.param.name); });
}  // namespace
}  // namespace weirhouse::work
