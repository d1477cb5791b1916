// Objects that ended the process, objects that did not, and taking back what was quarantined whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "ground/platform/db/sqlite.h"
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "testing/projects/shop_fixture.h"
#include "work/ingest/landing_list.h"
#include "work/ingest/raw_step.h"
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

TEST(ParsingMark, SaysWhereItCannotBeMade) {
  const weirhouse::testing::ScratchFolder scratch;
  const Status status = ParsingMark::Open(scratch / "absent/parsing").status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH1307");
  EXPECT_EQ(status.message(),
            "could not open the note of what is being parsed: No such file or directory: " +
                scratch / "absent/parsing");
  EXPECT_THAT(status.hint(), HasSubstr("state folder, which must be writable"));
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

// ---- Objects that cannot be read, through no fault of theirs
// Reading objects of these bytes takes more memory than there is.
struct LacksMemory final : platform::FaultyStore {
  explicit LacksMemory(const std::string& bytes)
      : FaultyStore(platform::LocalStore(), 1'000'000'000, Code::kUnavailable),
        digest(Sha256Of(bytes).ToHex()) {}
  Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                std::int64_t size_bytes) override {
    if (lacks && location.find(digest) != std::string::npos) throw std::bad_alloc();
    return FaultyStore::ReadRange(location, offset, size_bytes);
  }
  const std::string digest;
  bool lacks = true;
};

TEST_F(RetryTest, AnObjectForWhichThereIsNoMemoryIsNamedAndWaits) {
  const std::string bytes = Orders(0, 3);
  LacksMemory store(bytes);
  workspace.reset();
  ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
  ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite, {}, {.store = store}));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  Land("2024-01-01.jsonl", bytes);
  const Status status = RunPending(*workspace, NoProgress()).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH1308");
  EXPECT_EQ(status.message(),
            fmt::format("not enough memory to read an object: object o1 order/2024-01-01.jsonl, {} "
                        "bytes, attempt 1 of 3",
                        bytes.size()));
  EXPECT_THAT(status.hint(), HasSubstr("give the process more memory, or split the file"));
  store.lacks = false;
  Run();
  EXPECT_EQ(States(), (StateCounts{{"processed", 3}}));
  workspace.reset();
}

// A source that no table reads, beside the other.
std::string WithVisits() {
  std::string project = ShopFile("weirhouse.yaml");
  project.insert(project.find("  order: {"),
                 "  visit: { landing: landing/visit/, format: jsonl, contract: order }\n");
  return project;
}

TEST_F(RetryTest, AnObjectOfASourceThatIsGoneNeedsItsSource) {
  Write("weirhouse.yaml", WithVisits());
  Reopen();
  const std::string bytes = Orders(0, 1);
  Write("landing/visit/a.jsonl", bytes);
  for (int i = 1; i <= 3; ++i) {  // as if the process had ended each time
    ASSERT_OK(workspace->parsing_mark().Set({"visit", "a.jsonl", Sha256Of(bytes)}, i));
    Reopen();
  }
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(States()["quarantined"], 1);
  Write("weirhouse.yaml", ShopFile("weirhouse.yaml"));
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const Status status = RetryObject(*workspace, "visit", "a.jsonl", NoProgress()).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.error_code(), "WH1303");
  EXPECT_EQ(status.message(), "the project no longer defines the source of raw objects: \"visit\"");
  EXPECT_THAT(status.hint(), HasSubstr("put the source back into weirhouse.yaml"));
}

TEST_F(RetryTest, ASourceWhoseRecordsWaitCannotGo) {
  Write("weirhouse.yaml", WithVisits());
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  Write("landing/visit/a.jsonl", Orders(0, 1));
  ASSERT_OK_AND(const auto waiting, ListWaiting(*workspace));
  RunSummary summary;
  for (const WaitingBatch& batch : waiting.batches)
    ASSERT_OK(LandBatch(*workspace, batch, summary));
  ASSERT_EQ(summary.objects, 1);  // taken in, and not processed
  Write("weirhouse.yaml", ShopFile("weirhouse.yaml"));
  Reopen();
  const Status status = Apply(*workspace, "", NoProgress()).status();
  EXPECT_EQ(status.code(), Code::kContractRefused);
  EXPECT_EQ(status.error_code(), "WH2028");
  EXPECT_EQ(status.message(),
            "the source \"visit\" is gone from weirhouse.yaml, and records of it still wait to be "
            "processed: visit/a.jsonl");
  EXPECT_THAT(status.hint(), HasSubstr("restore it until `wh ingest` has processed them"));
}

TEST_F(RetryTest, AnObjectOfAContractThatWasNeverRegisteredIsNotRead) {
  Land("2024-01-01.jsonl", Orders(0, 1));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK_AND(const auto catalog,
                platform::Sqlite::Open(scratch / ".weirhouse/catalog.db", /*read_only=*/false));
  ASSERT_OK(catalog->Run("UPDATE object SET contract_version = '9.9.9'"));
  const Status status = RunFull(*workspace, NoProgress()).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.error_code(), "WH1306");
  EXPECT_EQ(status.message(),
            "objects of \"order\" were taken in under a contract version that is not registered: "
            "order 9.9.9");
  EXPECT_THAT(status.hint(), HasSubstr("restore the catalog from a copy"));
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
    std::filesystem::remove(scratch / "gates/order.yaml");  // batches of every size pass
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
    std::string view = ShopFile("features/sales.yaml");
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
