#include <random>

#include "work/pipeline/chain_fixture.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kAll[] = "SELECT t.id, t.k, t.o, t.v, t.b, t.at FROM ";

TEST_F(ChainTest, ARowThatNoLongerPassesTheFilterGoesEverywhere) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key id; order o; event at; known at",
        std::string(kAll) + "processed.t1 t WHERE t.b");
  View("sums", "processed.t2");
  Start();
  Batch(Event(1, "a", 1, 5) + Event(2, "a", 2, 7));
  EXPECT_EQ(Rows("feature.sums_v1").size(), 2u);
  Batch(Event(1, "a", 3, 6, false));
  EXPECT_EQ(Rows("processed.t2").size(), 1u);
  EXPECT_EQ(Rows("feature.sums_v1").size(), 1u);
  ExpectRebuilt();
  Batch(Event(1, "b", 4, 9));
  EXPECT_EQ(Rows("processed.t2").size(), 2u);
  ExpectRebuilt();
}

TEST_F(ChainTest, TheRunnerUpComesBackWhenTheWinnerOfItsKeyGoes) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key k; order o", "SELECT t.k, t.o, t.v FROM processed.t1 t");
  Start();
  Batch(Event(1, "a", 1, 10) + Event(2, "a", 5, 20));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("a 5 20"));
  Batch(Event(2, "b", 6, 21));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("a 1 10", "b 6 21"));
  ExpectRebuilt();
  Batch(Event(1, "b", 7, 11));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("b 7 11"));
  ExpectRebuilt();
}

TEST_F(ChainTest, ACorrectionThatIsLessByTheOrderOfTheTableReplacesAllTheSame) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key id; order v", "SELECT t.id, t.v FROM processed.t1 t");
  Start();
  Batch(Event(1, "a", 1, 10));
  Batch(Event(1, "a", 2, 3));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("1 3"));
  ExpectRebuilt();
}

TEST_F(ChainTest, AHistoryHoldsTheVersionsThatTheDriverGivesNow) {
  Table("t1", "key id; order o; history keep", std::string(kAll) + "records.ev t");
  Table("t2", "key k; order o; event at; known at; history keep",
        std::string(kAll) + "processed.t1 t");
  Table("t3", "key k; order o; event at; known at; history keep",
        std::string(kAll) + "processed.t1_history t WHERE t.b");
  View("now", "processed.t2_history");
  View("ever", "processed.t3_history");
  Start();
  Batch(Event(1, "a", 1, 10) + Event(2, "a", 2, 20));
  EXPECT_EQ(Rows("processed.t2_history").size(), 2u);
  Batch(Event(2, "b", 3, 21));
  EXPECT_EQ(Rows("processed.t2_history").size(), 2u);  // that of a@2 left
  EXPECT_EQ(Rows("processed.t3_history").size(), 3u);  // every version of t1 is still there
  EXPECT_EQ(Rows("feature.now_v1").size(), 2u);
  EXPECT_EQ(Rows("feature.ever_v1").size(), 3u);
  ExpectRebuilt();
}

TEST_F(ChainTest, FollowsTablesThatAreMadeAnewByWhatChangedInThem) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key k; mode full",
        "SELECT t.k, count(*) AS n, sum(t.v) AS s FROM processed.t1 t GROUP BY t.k");
  Table("t3", "key k", "SELECT t.k, t.n FROM processed.t2 t WHERE t.n > 1");
  Table("t4", "key n", "SELECT t.n, t.k FROM processed.t3 t");
  Start();
  Batch(Event(1, "a", 1, 10) + Event(2, "a", 2, 20) + Event(3, "b", 1, 1));
  EXPECT_THAT(Rows("processed.t3"), ElementsAre("a 2"));
  Batch(Event(2, "b", 3, 21));
  EXPECT_THAT(Rows("processed.t3"), ElementsAre("b 2"));
  EXPECT_THAT(Rows("processed.t4"), ElementsAre("2 b"));
  ExpectRebuilt();
}

TEST_F(ChainTest, ATableWhoseEveryRowIsReplacedIsReadWithoutTheOldOnes) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key k; mode full",
        "SELECT t.k, count(*) AS n, sum(t.v) AS s FROM processed.t1 t GROUP BY t.k");
  Write("gates/t1.yaml",
        "gate: t1\ntable: processed.t1\nchecks:\n"
        "  - row_count: { between: [1, 2] , scope: table }\n"
        "  - unique: { columns: [id], scope: table }\n");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 1));
  const RunSummary summary = Batch(Event(1, "a", 2, 2) + Event(2, "b", 2, 2));
  EXPECT_FALSE(summary.halted) << summary.halted_message;
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("a 1 2", "b 1 2"));
  ExpectRebuilt();
}

TEST_F(ChainTest, AHistoryOfModeFullHoldsAVersionThatCameLateAndLost) {
  for (const char* mode : {"full", "incremental"}) {
    Table(std::string("t_") + mode, fmt::format("key id; order o; mode {}; history keep", mode),
          "SELECT t.id, t.o, t.v FROM records.ev t");
  }
  Table("readers", "key id; order o", "SELECT t.id, t.o, t.v FROM processed.t_full_history t");
  Start();
  Batch(Event(1, "a", 2, 6));
  Batch(Event(1, "a", 1, 5));
  for (const char* table : {"processed.t_full_history", "processed.t_incremental_history"})
    EXPECT_THAT(Rows(table), ElementsAre("1 1 5", "1 2 6")) << table;
  ExpectRebuilt();
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  for (const char* table : {"processed.t_full_history", "processed.t_incremental_history"})
    EXPECT_THAT(Rows(table), ElementsAre("1 1 5", "1 2 6")) << table;
}

TEST_F(ChainTest, ARowOfModeFullNamesTheRecordThatStandsForItNow) {
  Table("t1", "key id; order arrival; mode full", "SELECT t.id, t.k, t.v FROM records.ev t");
  Table("t2", "key k; order arrival", "SELECT t.id, t.k, t.v FROM processed.t1 t");
  Start();
  Batch(Event(1, "a", 1, 5) + Event(2, "a", 1, 7));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("2 a 7"));
  // The content of t1 is as before, and another record stands for it: the last of `a`.
  Batch(Event(1, "a", 1, 6) + Event(1, "a", 1, 5));
  EXPECT_THAT(Rows("processed.t1"), ElementsAre("1 a 5", "2 a 7"));
  ASSERT_OK_AND(const auto rows, workspace->ReadTable("processed.t1", {"id", "_record"}));
  for (std::int64_t i = 0; i < rows->num_rows(); ++i) {
    EXPECT_EQ(rows->column(1)->GetScalar(i).ValueOrDie()->ToString(),
              rows->column(0)->GetScalar(i).ValueOrDie()->ToString() == "1" ? "4" : "2");
  }
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("1 a 5"));
  ExpectRebuilt();
  // Nothing of it differs now: a full run writes nothing.
  ASSERT_OK_AND(const auto before, workspace->LoadTable("processed.t1"));
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  ASSERT_OK_AND(const auto after, workspace->LoadTable("processed.t1"));
  EXPECT_EQ(after->current_snapshot()->id, before->current_snapshot()->id);
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("1 a 5"));
}

TEST_F(ChainTest, RowsOfAnAggregateLoseNoRecord) {
  Table("t1", "key k; mode full",
        "SELECT t.k, max(t.o) AS o, sum(t.v) AS v FROM records.ev t GROUP BY t.k");
  Table("t2", "key o; order v; history keep", "SELECT t.o, t.v, t.k FROM processed.t1 t");
  Table("t3", "key o; order v", "SELECT t.o, t.v, t.k FROM processed.t1 t");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "b", 1, 2));
  Batch(Event(3, "c", 1, 3));  // the row that stands for o = 1 is superseded
  Batch(Event(4, "d", 1, 4));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("1 4 d"));
  EXPECT_EQ(Rows("processed.t2_history").size(), 4u);
  EXPECT_THAT(Rows("processed.t3"), ElementsAre("1 4 d"));
  ExpectRebuilt();
}

TEST_F(ChainTest, AJoinMayNotMultiplyRowsThatHaveNoRecord) {
  Write("seeds/s.csv", "k,w\na,1\nb,2\na,3\n");
  Table("t1", "key k; mode full",
        "SELECT t.k, max(t.o) AS o, sum(t.v) AS v FROM records.ev t GROUP BY t.k");
  Table("t2", "key k; order o; history keep",
        "SELECT t.k, t.o, t.v, s.w FROM processed.t1 t JOIN ref.s s ON s.k = t.k AND s.w >= t.o");
  Start();
  Batch(Event(2, "b", 1, 1) + Event(3, "c", 1, 1));
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("b 1 1 2"));
  ExpectRebuilt();
  Write("landing/ev/2024-01-02.jsonl", Event(1, "a", 1, 1) + Event(4, "b", 2, 1));
  const Status status = RunPending(*workspace, NoProgress()).status();
  EXPECT_EQ(status.error_code(), "WH2111") << status.message();
  EXPECT_THAT(status.message(),
              ::testing::HasSubstr("a row of processed.t1, which gives k=a, became several rows of "
                                   "processed.t2: a join to ref.s finds more than one"));
}

TEST_F(ChainTest, ByArrivalRowsWithoutARecordGoByTheirContent) {
  Table("t1", "key k; mode full",
        "SELECT t.k, max(t.o) AS o, sum(t.v) AS v FROM records.ev t GROUP BY t.k");
  Table("t2", "key o; order arrival", "SELECT t.o, t.k, t.v FROM processed.t1 t");
  Table("t3", "key o; order arrival; history keep", "SELECT t.o, t.k, t.v FROM processed.t1 t");
  Start();
  const char* keys[] = {"d", "a", "f", "c", "b", "e"};
  for (int i = 0; i < 6; ++i) {
    Batch(Event(i, keys[i], 1, i) + Event(i + 10, keys[(i + 2) % 6], 1, 1));
    ExpectRebuilt();
  }
}

TEST_F(ChainTest, AFullRunCountsEachRecordOnce) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key k; mode full", "SELECT t.k, count(*) AS n FROM records.ev t GROUP BY t.k");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 1));
  const auto before = workspace->catalog().RecordStates();
  ASSERT_OK(before);
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  std::int64_t sum = 0;
  ASSERT_OK_AND(const auto after, workspace->catalog().RecordStates());
  for (const auto& state : after) sum += state.count;
  EXPECT_EQ(sum, 2);
}

TEST_F(ChainTest, ReadsRunTimeAnewAsAWholeWhenRowsLeft) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Table("t2", "key id; order o",
        "SELECT t.id, t.o, run_time() AS loaded_at FROM processed.t1 t WHERE t.b");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 1));
  Batch(Event(1, "a", 2, 1, false));
  EXPECT_EQ(Rows("processed.t2").size(), 1u);
  EXPECT_TRUE(Compare().same());
}

// A table over another in every way that the rules treat apart, and corrections of all kinds.
TEST_F(ChainTest, IsWhatARebuildGivesWhateverCameInWhateverBatches) {
  Table("t1", "key id; order o; history keep", std::string(kAll) + "records.ev t");
  Table("same_key", "key id; order v; event at; known at; history keep",
        std::string(kAll) + "processed.t1 t WHERE t.b");
  Table("wider_key", "key k, id", "SELECT t.k, t.id, t.o, t.v FROM processed.t1 t");
  Table("other_key", "key k; order o; event at; known at; history keep",
        "SELECT coalesce(t.k, 'none') AS k, t.o, t.v, t.at FROM processed.t1 t");
  Table("by_arrival", "key o; order arrival; history keep",
        "SELECT t.o, t.v, t.id FROM processed.t1 t WHERE t.v < 4");
  Table("joined", "key k", "SELECT t.k, t.v, s.w FROM processed.same_key t JOIN ref.s s USING (k)");
  Table("of_versions", "key k; order o; history keep",
        "SELECT t.k, t.o, t.v FROM processed.other_key_history t WHERE t.v > 1");
  Table("sums", "key k; mode full",
        "SELECT t.k, sum(t.v) AS s FROM processed.other_key t GROUP BY t.k");
  Table("big", "key k", "SELECT t.k, t.s FROM processed.sums t WHERE t.s > 2");
  View("same_key_sums", "processed.same_key");
  View("other_key_ever", "processed.other_key_history");
  Start();
  std::mt19937 random(20240101);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int batch = 0; batch < 12; ++batch) {
    std::string lines;
    for (int i = pick(6) + 1; i > 0; --i) {
      lines += Event(pick(5), std::string(1, static_cast<char>('a' + pick(3))), pick(6), pick(6),
                     pick(3) != 0);
    }
    Batch(lines);
    ExpectRebuilt();
    if (HasFailure()) FAIL() << "batch " << batch << ":\n" << lines;
  }
}

TEST_F(ChainTest, TheComparisonNamesTheRowsStatesAndAnswersThatDiffer) {
  Table("t1", "key id; order o; event at; known at", std::string(kAll) + "records.ev t");
  View("sums", "processed.t1");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 2) + Event(3, "b", 1, 3));
  ExpectRebuilt();
  // Behind our back the raw object says something else: another value, another key.
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(scratch / ".weirhouse/lake/raw/ev")) {
    std::string bytes = weirhouse::testing::ReadFile(entry.path());
    const auto value = bytes.find("\"v\":3");
    if (value == std::string::npos) continue;
    bytes.replace(value, 5, "\"v\":4");
    const auto key = bytes.find("\"id\":2");
    bytes.replace(key, 6, "\"id\":1");
    WriteRaw(entry.path(), bytes);
  }
  const RebuildReport report = Compare("t1");
  EXPECT_FALSE(report.same());
  ASSERT_EQ(report.tables.size(), 2u);
  EXPECT_EQ(report.tables[0].table, "processed.t1");
  EXPECT_EQ(report.tables[0].stored_rows, 3);
  EXPECT_EQ(report.tables[0].rebuilt_rows, 2);
  EXPECT_GE(report.tables[0].differing, 2);
  EXPECT_EQ(report.tables[1].table, "feature.sums_v1");
  EXPECT_GT(report.tables[1].differing, 0);
  ASSERT_EQ(report.online.size(), 1u);
  EXPECT_GT(report.online[0].differing, 0);
  EXPECT_FALSE(report.states.empty());
  // Nothing was changed by looking.
  EXPECT_EQ(Rows("processed.t1").size(), 3u);
}

TEST_F(ChainTest, TheComparisonIsOfATableThatSqlMakes) {
  Table("t1", "key id; order o", std::string(kAll) + "records.ev t");
  Start();
  RebuildCheck unknown;
  unknown.table = "t9";
  EXPECT_EQ(CheckRebuild(*workspace, unknown, NoProgress()).status().error_code(), "WH7020");
  EXPECT_TRUE(Compare("processed.t1").same());
}
}  // namespace
}  // namespace weirhouse::work
