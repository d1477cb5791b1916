// Records whose rows in a table over a table have no key: they go to quarantine and come back as
// the table does.
#include "work/pipeline/batch/keyless.h"

#include <arrow/api.h>

#include <random>

#include "ground/iceberg/table.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/chain_fixture.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kAllRecords[] = "SELECT t.id, t.k, t.o, t.v, t.b, t.at FROM ";
// A row whose `v` is 5 at most has no key.
constexpr char kKeyed[] = "SELECT CASE WHEN t.v > 5 THEN t.k END AS k, t.id FROM processed.";

class KeylessTest : public ChainTest {
 protected:
  // "2024-01-01.jsonl#0 k of processed.t2"
  std::vector<std::string> Quarantined() {
    std::vector<std::string> lines;
    const auto table = workspace->FindTable("quarantine.ev");
    EXPECT_OK(table);
    if (!table.ok() || !*table) return lines;
    const auto rows = workspace->ReadTable("quarantine.ev");
    EXPECT_OK(rows);
    if (!rows.ok()) return lines;
    const auto cell = [&](const char* column, std::int64_t row) {
      return (*rows)->GetColumnByName(column)->GetScalar(row).ValueOrDie();
    };
    for (std::int64_t i = 0; i < (*rows)->num_rows(); ++i) {
      const auto bytes = cell("bytes", i);
      const std::string raw = static_cast<const arrow::BaseBinaryScalar&>(*bytes).value->ToString();
      EXPECT_EQ(cell("record_digest", i)->ToString(), Sha256Of(raw).ToHex());
      const std::string reason = cell("reason", i)->ToString();
      lines.push_back(cell("object", i)->ToString() + "#" + cell("ordinal", i)->ToString() +
                      reason.substr(reason.rfind(" of ")));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  // Stores quarantine.ev anew: the rows of these records of the one object, as often as they are
  // named.
  void Restock(const std::vector<std::int64_t>& ordinals) {
    if (stocked == nullptr) {
      ASSERT_OK_AND(stocked,
                    workspace->ReadTable("quarantine.ev", QuarantineSchema()->field_names()));
    }
    StepInputs step;
    step.kind = catalog::RunKind::kForeign;
    step.inputs = {{"ordinals", ordinals}};
    ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
    Publication publication(*workspace, run, catalog::Layer::kMaintenance, "");
    ASSERT_OK_AND(const iceberg::TablePtr base, workspace->LoadTable("quarantine.ev"));
    iceberg::StagedWrite write(workspace->store(), base, workspace->random(),
                               publication.StageAs());
    ASSERT_OK(write.RemoveAllFiles());
    for (const std::int64_t ordinal : ordinals) {
      for (std::int64_t row = 0; row < stocked->num_rows(); ++row) {
        const auto at = stocked->GetColumnByName("ordinal")->GetScalar(row).ValueOrDie();
        if (at->ToString() == std::to_string(ordinal))
          ASSERT_OK(write.Append(*stocked->Slice(row, 1)));
      }
    }
    ASSERT_OK_AND(const iceberg::StagedTable staged, write.Finish());
    publication.Add(staged);
    ASSERT_OK(publication.Commit());
  }
  std::shared_ptr<arrow::Table> stocked;  // quarantine.ev as the batches left it
  RunId Halted() {
    const auto runs =
        workspace->catalog().Runs({std::nullopt, catalog::RunState::kHalted, std::nullopt, 100});
    EXPECT_OK(runs);
    return runs.ok() && runs->size() == 1 ? runs->front().id : RunId(0);
  }
};

TEST_F(KeylessTest, ARecordLeavesQuarantineWithTheRowThatHadNoKey) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key k, id", std::string(kKeyed) + "t1 t");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 2) + Event(3, "a", 1, 9));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#0 of processed.t2",
                                         "2024-01-01.jsonl#1 of processed.t2"));
  ExpectRebuilt();
  Batch(Event(1, "a", 2, 7));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#1 of processed.t2"));
  EXPECT_THAT(Rows("processed.t2"), SizeIs(2));
  ExpectRebuilt();
  // Corrected, and without a key again: the record that stands now is named.
  Batch(Event(2, "b", 2, 3));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-03.jsonl#0 of processed.t2"));
  ExpectRebuilt();
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-03.jsonl#0 of processed.t2"));
}

TEST_F(KeylessTest, AnEarlierRecordThatStandsAgainIsKeptWithItsBytes) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key k; order o", "SELECT t.k, t.o, t.v, t.id FROM processed.t1 t");
  Table("t3", "key k", std::string(kKeyed) + "t2 t");
  Start();
  Batch(Event(1, "a", 1, 1));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#0 of processed.t3"));
  Batch(Event(2, "a", 2, 9));
  EXPECT_THAT(Quarantined(), IsEmpty());
  ExpectRebuilt();
  Batch(Event(2, "b", 3, 9));  // of t2's "a" the first record stands again
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#0 of processed.t3"));
  ExpectRebuilt();
}

TEST_F(KeylessTest, ATableThatRunsAsAWholeSaysOfAllItsRecords) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key k, id; mode full", std::string(kKeyed) + "t1 t");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 2));
  EXPECT_THAT(Quarantined(), SizeIs(2));
  Batch(Event(1, "a", 2, 7) + Event(3, "a", 1, 0));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#1 of processed.t2",
                                         "2024-01-02.jsonl#1 of processed.t2"));
  ExpectRebuilt();
}

// A row whose `v` is beyond 32 cannot be cast.
constexpr char kCast[] = "SELECT t.id, t.k, CAST(t.v * 1000 AS SMALLINT) AS v FROM processed.";

TEST_F(KeylessTest, ARecordThatSqlFailsOnLeavesQuarantineWithItsRow) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key id", std::string(kCast) + "t1 t");
  Table("t3", "key k", std::string(kCast) + "t1 t");
  Table("t4", "key k; mode full",
        "SELECT t.k, sum(CAST(t.v * 1000 AS SMALLINT)) AS v FROM processed.t1 t GROUP BY t.k");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "a", 1, 99) + Event(3, "b", 1, 99));
  const auto bad = [](const std::string& record) {
    std::vector<std::string> lines;
    for (const char* table : {"t2", "t3", "t4"}) lines.push_back(record + " of processed." + table);
    return lines;
  };
  std::vector<std::string> both = bad("2024-01-01.jsonl#1");
  const auto more = bad("2024-01-01.jsonl#2");
  both.insert(both.end(), more.begin(), more.end());
  EXPECT_EQ(Quarantined(), both);
  ExpectRebuilt();
  Batch(Event(2, "a", 2, 7));  // a good one in its place
  EXPECT_EQ(Quarantined(), more);
  EXPECT_THAT(Rows("processed.t2"), ElementsAre("1 a 1000", "2 a 7000"));
  ExpectRebuilt();
  Batch(Event(3, "b", 2, 98));  // another bad one
  EXPECT_EQ(Quarantined(), bad("2024-01-03.jsonl#0"));
  ExpectRebuilt();
  // A line above moves the place and changes nothing.
  for (const char* name : {"t2", "t3"})
    Table(name, std::string(name) == "t2" ? "key id" : "key k",
          "-- more\n" + std::string(kCast) + "t1 t");
  Reopen();
  ExpectRebuilt();
  Batch(Event(3, "b", 3, 3));
  EXPECT_THAT(Quarantined(), IsEmpty());
  ExpectRebuilt();
  Batch(Event(1, "a", 4, 97));
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  Batch(Event(1, "a", 5, 1));
  EXPECT_THAT(Quarantined(), IsEmpty());
  ExpectRebuilt();
}

// A halted batch changes nothing of earlier records before it is let through.
TEST_F(KeylessTest, ARecordThatSqlFailsOnWaitsForTheDecisionAboutItsCorrection) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key id", std::string(kCast) + "t1 t");
  Write("gates/t1.yaml",
        "gate: t1\ntable: processed.t1\nchecks:\n  - range: { column: o, max: 9 }\n");
  Start();
  Batch(Event(1, "a", 1, 99));
  EXPECT_TRUE(Batch(Event(1, "a", 10, 1)).halted);
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#0 of processed.t2"));
  ASSERT_OK(OverrideGate(*workspace, Halted(), "ours", "test", std::nullopt));
  EXPECT_THAT(Quarantined(), IsEmpty());
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ExpectRebuilt();
}

TEST_F(KeylessTest, ARecordThatAViewLeftOutLeavesQuarantineWithItsRow) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key id; mode full", "SELECT t.id, t.k, t.v, t.at FROM processed.t1 t");
  const auto view = [&](const std::string& name, const std::string& source) {
    return fmt::format(
        "--- {{ feature_view: {}, version: 1, entity: {{ k: string }}, source: {}, event_time: at, "
        "known_time: at, windows: [24h], features: {{ n: {{ agg: sum, of: "
        "CAST(v * 1000 AS SMALLINT) }} }}, online: {{ fill: stream }} }}\n",
        name, source);
  };
  const std::string views = view("bad", "processed.t1") + view("whole", "processed.t2");
  Write("features/f.yaml", views + view("gone", "processed.t1"));
  Start();
  Batch(Event(1, "a", 1, 99) + Event(2, "a", 2, 1));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#0 of feature.bad_v1",
                                         "2024-01-01.jsonl#0 of feature.gone_v1",
                                         "2024-01-01.jsonl#0 of feature.whole_v1"));
  ExpectRebuilt();
  Batch(Event(1, "a", 3, 98));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-02.jsonl#0 of feature.bad_v1",
                                         "2024-01-02.jsonl#0 of feature.gone_v1",
                                         "2024-01-02.jsonl#0 of feature.whole_v1"));
  ExpectRebuilt();
  Write("features/f.yaml", "# lines that move\n\n" + views);
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));  // one view goes, and what it told
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-02.jsonl#0 of feature.bad_v1",
                                         "2024-01-02.jsonl#0 of feature.whole_v1"));
  ExpectRebuilt();
  Batch(Event(1, "a", 4, 5));
  EXPECT_THAT(Quarantined(), IsEmpty());
  ExpectRebuilt();
}

// An alert by rate is of records: what two tables and a view say of one is one.
TEST_F(KeylessTest, TheEventCountsEachRecordOnceOutOfThoseThatArrivedWithIt) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key k, id", std::string(kKeyed) + "t1 t");
  Table("t3", "key k", std::string(kKeyed) + "t1 t");
  Write("features/big.yaml",
        "feature_view: big\nversion: 1\nentity: { k: string }\nsource: processed.t1\n"
        "event_time: at\nknown_time: at\nwindows: [24h]\n"
        "features: { n: { agg: sum, of: v * 1000000000000000000 } }\nonline: { fill: stream }\n");
  Start();
  Batch(Event(1, "a", 1, 1) + "{\"id\":\"x\"}\n" + Event(2, "a", 1, 8) + Event(3, "a", 1, 100));
  // A batch with none tells nothing.
  Batch(Event(4, "b", 1, 6));
  ASSERT_OK_AND(const auto events, workspace->catalog().PendingEvents(100));
  std::vector<std::string> told;
  for (const catalog::OutboxEvent& event : events) {
    if (event.type != "weirhouse.record.quarantined") continue;
    told.push_back(fmt::format("{} {} of {}", event.data.value("batch", ""),
                               event.data.value("quarantined", -1),
                               event.data.value("records", -1)));
  }
  EXPECT_THAT(told, ElementsAre("2024-01-01 2 of 4", "2024-01-01 1 of 4"));
}

// What staged rows would make of earlier records waits for the decision about them.
TEST_F(KeylessTest, AHaltedBatchTakesNothingBackBeforeItIsLetThrough) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key k; order o", "SELECT t.k, t.o, t.v, t.id FROM processed.t1 t");
  Table("t3", "key k", std::string(kKeyed) + "t2 t");
  Write("gates/t1.yaml",
        "gate: t1\ntable: processed.t1\nchecks:\n  - range: { column: o, max: 9 }\n");
  Start();
  Batch(Event(1, "a", 1, 1) + Event(2, "b", 1, 1) + Event(3, "b", 2, 9));
  const auto before = ElementsAre("2024-01-01.jsonl#0 of processed.t3");
  EXPECT_THAT(Quarantined(), before);
  // 1 has a key, of "b" the earlier record stands again, 4 has none.
  const std::string lines = Event(1, "a", 10, 7) + Event(3, "c", 10, 9) + Event(4, "d", 10, 0);
  EXPECT_TRUE(Batch(lines).halted);
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#0 of processed.t3",
                                         "2024-01-02.jsonl#2 of processed.t3"));
  ASSERT_OK(DiscardGate(*workspace, Halted(), "not ours", "test"));
  ExpectRebuilt();
  EXPECT_TRUE(Batch(lines + " ").halted);
  ASSERT_OK(OverrideGate(*workspace, Halted(), "ours", "test", std::nullopt));
  EXPECT_THAT(Quarantined(), ElementsAre("2024-01-01.jsonl#1 of processed.t3",
                                         "2024-01-02.jsonl#2 of processed.t3",
                                         "2024-01-03.jsonl#2 of processed.t3"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ExpectRebuilt();
}

TEST_F(KeylessTest, TheComparisonNamesRowsOfQuarantineThatDiffer) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("t2", "key k, id", std::string(kKeyed) + "t1 t");
  Start();
  Batch(Event(1, "a", 1, 1) + "{\"id\":\"x\"}\n" + Event(2, "a", 1, 2));
  ExpectRebuilt();
  EXPECT_EQ(Compare().quarantine_rows, 3);
  EXPECT_EQ(Compare("t2").quarantine_rows, 2);
  // Behind our back the row of record 0 leaves, and that of record 2 stands there twice.
  Restock({1, 2, 2});
  const RebuildReport all = Compare();
  EXPECT_EQ(all.quarantine_rows, 3);
  EXPECT_EQ(all.quarantine_differing, 2);
  const RebuildReport of_t2 = Compare("t2");
  EXPECT_FALSE(of_t2.same());
  EXPECT_EQ(of_t2.quarantine_rows, 2);
  EXPECT_EQ(of_t2.quarantine_differing, 2);
  ASSERT_EQ(of_t2.quarantine.size(), 2u);
  EXPECT_EQ(of_t2.quarantine[0].object, "2024-01-01.jsonl");
  EXPECT_EQ(of_t2.quarantine[0].ordinal, 0);
  EXPECT_EQ(of_t2.quarantine[0].stored - of_t2.quarantine[0].rebuilt, -1);
  EXPECT_EQ(of_t2.quarantine[1].ordinal, 2);
  EXPECT_EQ(of_t2.quarantine[1].stored - of_t2.quarantine[1].rebuilt, 1);
  // What broke the contract is compared too, and is not told of the table.
  Restock({0, 2});
  EXPECT_EQ(Compare().quarantine_rows, 2);
  EXPECT_EQ(Compare().quarantine_differing, 1);
  EXPECT_TRUE(Compare("t2").same());
}

TEST_F(KeylessTest, IsWhatARebuildGivesWhateverCameInWhateverBatches) {
  Table("t1", "key id; order o", std::string(kAllRecords) + "records.ev t");
  Table("wider", "key k, id", std::string(kKeyed) + "t1 t");
  Table("other", "key k; order o",
        "SELECT CASE WHEN t.b THEN t.k END AS k, t.o, t.v, t.id FROM processed.t1 t");
  Table("third", "key k", std::string(kKeyed) + "other t");
  Table("whole", "key k, id; mode full", std::string(kKeyed) + "other t");
  Table("after", "key k", "SELECT nullif(t.k, 'a') AS k, t.id FROM processed.whole t");
  Table("by_arrival", "key k; order arrival",
        "SELECT nullif(t.k, 'b') AS k, t.v FROM processed.other t");
  Table("cast_id", "key id", "SELECT t.id, CAST(t.v * 5000 AS SMALLINT) AS v FROM processed.t1 t");
  Table("cast_k", "key k",
        "SELECT t.k, CAST(t.v * 5000 AS SMALLINT) AS v, t.id FROM processed.other t");
  Table("cast_all", "key k, id; mode full",
        "SELECT t.k, t.id, CAST(t.v * 5000 AS SMALLINT) AS v FROM processed.other t");
  Write(
      "features/f.yaml",
      "--- { feature_view: a, version: 1, entity: { k: string }, source: processed.t1, "
      "event_time: at, known_time: at, windows: [24h], features: { n: { agg: sum, of: "
      "CAST(v * 5000 AS SMALLINT) } }, online: { fill: stream } }\n"
      "--- { feature_view: b, version: 1, entity: { k: string }, source: processed.other, "
      "as_of: latest, features: { n: { agg: latest, of: CAST(v * 5000 AS SMALLINT) } }, online: { "
      "fill: stream } }\n");
  Start();
  std::mt19937 random(20240102);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int batch = 0; batch < 14; ++batch) {
    std::string lines;
    for (int i = pick(6) + 1; i > 0; --i) {
      lines += Event(pick(5), std::string(1, static_cast<char>('a' + pick(3))), pick(6),
                     pick(4) + 4, pick(3) != 0);
    }
    Batch(lines);
    ExpectRebuilt();
    if (HasFailure()) FAIL() << "batch " << batch << ":\n" << lines;
  }
}
}  // namespace
}  // namespace weirhouse::work
