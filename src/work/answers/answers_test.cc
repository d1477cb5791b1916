#include <nlohmann/json.hpp>

#include "testing/projects/shop_fixture.h"
#include "work/answers/check_answer.h"
#include "work/answers/gate_answer.h"
#include "work/answers/json_line.h"
#include "work/answers/model_answer.h"
#include "work/answers/run_answer.h"
#include "work/answers/status_answer.h"
#include "work/answers/table_answer.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;
using ::testing::HasSubstr;

ProcessTime At(std::int64_t seconds) { return ProcessTime(std::chrono::seconds(seconds)); }

// The text of each document is what programs read: it changes only on purpose.
TEST(AnswerJson, OfTables) {
  TablesAnswer answer;
  answer.tables = {{"processed.a", 3, CommitSeq(7), "u-1", "/lake/a.json", SnapshotId(42)},
                   {"raw.a", 0, CommitSeq(6), "u-2", "/lake/b.json", std::nullopt}};
  EXPECT_EQ(
      JsonLine(ToJson(answer)),
      R"({"tables":[{"commit":"@7","iceberg_snapshot":42,"metadata_location":"/lake/a.json",)"
      R"("rows":3,"table":"processed.a","uuid":"u-1"},{"commit":"@6","iceberg_snapshot":null,)"
      R"("metadata_location":"/lake/b.json","rows":0,"table":"raw.a","uuid":"u-2"}]})");
}

TEST(AnswerJson, OfRuns) {
  catalog::Run run;
  run.id = RunId(12);
  run.plan.kind = catalog::RunKind::kProcessed;
  run.plan.name = "2024-01-01";
  run.state = catalog::RunState::kCommitted;
  run.planned_at = At(0);
  run.finished_at = At(1);
  run.seq = CommitSeq(5);
  catalog::Run planned;
  planned.id = RunId(13);
  planned.plan.kind = catalog::RunKind::kRaw;
  planned.attempt = 2;
  EXPECT_EQ(JsonLine(ToJson(RunsAnswer{{run, planned}})),
            R"({"runs":[{"attempt":1,"commit":5,"error":null,"finished_at":"1970-01-01T00:00:01Z",)"
            R"("kind":"processed","name":"2024-01-01","planned_at":"1970-01-01T00:00:00Z",)"
            R"("run":"r12","state":"committed"},{"attempt":2,"commit":null,"error":null,)"
            R"("finished_at":null,"kind":"raw","name":"","planned_at":"1970-01-01T00:00:00Z",)"
            R"("run":"r13","state":"planned"}]})");
  CommittedRun committed;
  committed.run = run;
  committed.entry.seq = CommitSeq(5);
  committed.entry.run = run.id;
  committed.entry.layer = catalog::Layer::kProcessed;
  committed.entry.batch = "2024-01-01";
  committed.entry.state = catalog::RunState::kHalted;
  committed.entry.committed_at = At(1);
  EXPECT_EQ(JsonLine(ToJson(committed)),
            R"({"batch":"2024-01-01","commit":5,"committed_at":"1970-01-01T00:00:01Z",)"
            R"("kind":"processed","layer":"processed","name":"2024-01-01","run":"r12",)"
            R"("state":"halted"})");
}

catalog::VerdictRecord Failed() {
  catalog::VerdictRecord verdict;
  verdict.gate = "g";
  verdict.table = "processed.a";
  verdict.state = catalog::VerdictState::kFailed;
  verdict.batch = "b";
  verdict.run = RunId(3);
  verdict.seq = CommitSeq(9);
  verdict.checks = {{{"name", "unique"}, {"state", "failed"}, {"reason", "2 ids twice"}},
                    {{"name", "range"}, {"state", "passed"}},
                    {{"name", "psi"}, {"state", "warned"}}};
  return verdict;
}

TEST(AnswerJson, OfGates) {
  GatesAnswer gates;
  gates.gates = {{"g", "processed.a", 3, "", Failed()}, {"h", "processed.b", 0, "ann", {}}};
  EXPECT_EQ(JsonLine(ToJson(gates)),
            R"({"gates":[{"batch":"b","checks":3,"gate":"g","last_run":"r3","owner":null,)"
            R"("state":"failed","table":"processed.a"},{"batch":null,"checks":0,"gate":"h",)"
            R"("last_run":null,"owner":"ann","state":null,"table":"processed.b"}]})");
  catalog::VerdictRecord overridden = Failed();
  overridden.override_reason = "known";
  overridden.override_by = "ann";
  EXPECT_EQ(JsonLine(ToJson(VerdictsAnswer{{Failed(), overridden}})),
            R"({"verdicts":[{"batch":"b","gate":"g","reasons":"2 ids twice; psi","run":"r3",)"
            R"("state":"failed"},{"batch":"b","gate":"g","override":{"by":"ann",)"
            R"("reason":"known"},"reasons":"2 ids twice; psi","run":"r3","state":"failed"}]})");
  RunVerdictsAnswer run;
  run.run.id = RunId(3);
  run.run.state = catalog::RunState::kHalted;
  run.verdicts = {overridden};
  run.verdicts[0].checks = json::array();
  EXPECT_EQ(JsonLine(ToJson(run)),
            R"({"run":"r3","run_state":"halted","verdicts":[{"batch":"b",)"
            R"("batch_end":"1970-01-01T00:00:00Z","checks":[],"commit":9,"gate":"g",)"
            R"("override":{"by":"ann","reason":"known"},"run":"r3","state":"failed",)"
            R"("table":"processed.a"}]})");
}

TEST(AnswerJson, OfModels) {
  ModelsAnswer models;
  models.models = {{"late#1",
                    {{"training_set", "late_v1#1"}, {"metrics", {{"auc", 0.75581}, {"n", 12}}}},
                    CommitSeq(4),
                    true},
                   {"late#2", json(), CommitSeq(5), false}};
  EXPECT_EQ(JsonLine(ToJson(models)),
            R"({"models":[{"commit":"@4","deployed":true,"metrics":"auc 0.7558, n 12",)"
            R"("model":"late#1","record":{"metrics":{"auc":0.75581,"n":12},)"
            R"("training_set":"late_v1#1"},"training_set":"late_v1#1"},{"commit":"@5",)"
            R"("deployed":false,"metrics":null,"model":"late#2","record":null,)"
            R"("training_set":null}]})");
  TrainingSetsAnswer sets;
  sets.training_sets = {
      {"s#1", {{"rows", 5}, {"features", {"a", "b"}}, {"content", "92"}}, CommitSeq(3)},
      {"t", json(), std::nullopt}};
  EXPECT_EQ(JsonLine(ToJson(sets)),
            R"({"training_sets":[{"commit":"@3","content":"92","features":2,"record":)"
            R"({"content":"92","features":["a","b"],"rows":5},"rows":5,"training_set":"s#1"},)"
            R"({"commit":null,"content":null,"features":null,"rows":null,"training_set":"t"}]})");
}

TEST(AnswerJson, OfTheStatus) {
  StatusAnswer status;
  status.project = "shop";
  status.profile = "local";
  status.commit = CommitSeq(9);
  status.now = EventTime::min();
  status.replay_clock = true;
  status.objects = 2;
  status.records = 12;
  status.states = {{"processed", 7}, {"quarantined", 1}};
  status.waiting_records = 4;
  status.quarantined = {{"order", 1}};
  status.refused = std::vector<std::string>(101, "order/x");
  status.tables = {{"raw.order", 2, CommitSeq(8), "u", "m", std::nullopt}};
  status.runs = {{"committed", 3}};
  status.halted = {{RunId(4), "b", "psi"}};
  status.events = {{"sent", 2}};
  status.overdue.resize(1);
  status.overdue[0].gate = "g";
  status.overdue[0].max_text = "30h";
  status.gates = {{"g", "t", "failed", std::nullopt}};
  status.waiting.objects = 1;
  status.waiting.behind_halted = work::BehindHalt{RunId(4), 3};
  status.upkeep.tables = {{"raw.order", 70, true}};
  status.upkeep.failed = {{"raw.order", "full"}};
  status.upkeep.last = work::UpkeepTurn{9, ProcessTimeOfMicros(0), " 8 data files became 1", ""};
  status.upkeep.last_table = "raw.order";
  const json document = ToJson(status);
  json listed = document;
  EXPECT_EQ(listed["refused"].size(), 100u);
  listed.erase("refused");
  EXPECT_EQ(
      JsonLine(listed),
      R"({"adds_up":true,"clock":"replay","commit":9,"deliveries":{"given_up":[],)"
      R"("pending":[],"recent":[],"targets":[]},"events":{"sent":2},"gates":[{"batch":null,)"
      R"("gate":"g","state":"failed","table":"t"}],"halted":[{"batch":"b","message":"psi",)"
      R"("run":"r4"}],"notes":[],"now":null,"objects":2,"overdue":[{"check":"","gate":"g",)"
      R"("max":"30h","newest":"1970-01-01T00:00:00Z","owner":null,)"
      R"("since":"1970-01-01T00:00:00Z","state":"failed","table":""}],"profile":"local",)"
      R"("project":"shop","quarantined":{"order":1},"records":12,"refused_objects":101,)"
      R"("runs":{"committed":3},"runs_given_up":0,"states":{"processed":7,"quarantined":1},)"
      R"("tables":[{"commit":"@8","rows":2,"table":"raw.order"}],"upkeep":{"by_itself":true,)"
      R"("failed":[{"error":"full","table":"raw.order"}],"last":{"at":"1970-01-01T00:00:00Z",)"
      R"("did":"8 data files became 1","table":"raw.order"},"released_files":0,"removable_files":0,)"
      R"("tables":[{"changes":70,"due":true,"table":"raw.order"}]},"waiting":{"batches":0,)"
      R"("behind_halted":{"records":3,"run":"r4"},"being_written":0,"changes":0,)"
      R"("in_topics":{},"missing_folders":{},"objects":1,"untaken_files":{},"views":[]},"waiting_records":4})");
  status.waiting.refused = "breaking";
  status.clock_went_back = "by a day";
  status.waiting_records = 5;
  EXPECT_EQ(JsonLine(ToJson(status)["waiting"]), R"({"refused":"breaking"})");
  EXPECT_EQ(ToJson(status)["clock_went_back"], "by a day");
  EXPECT_EQ(ToJson(status)["adds_up"], false);
}

TEST(AnswerJson, OfWhatWasCompared) {
  VerifyAnswer verify;
  verify.deep = true;
  verify.report.files = 2;
  verify.report.problems = {"gone: a.parquet"};
  EXPECT_FALSE(verify.same());
  EXPECT_EQ(JsonLine(ToJson(verify)),
            R"({"bytes":0,"commits":0,"deep":true,"files":2,"first_orphans":[],"objects":0,)"
            R"("orphan_bytes":0,"orphans":0,"other_lives":[],"problems":["gone: a.parquet"],)"
            R"("snapshots":0})");
  work::Reproduction again;
  again.id = "late#1";
  again.digests = {{"model", "d7"}};
  again.differences = {{"model.joblib", "99", "98"}};
  again.metrics = {{"auc", 0.75}};
  again.same = false;
  EXPECT_EQ(JsonLine(ToJson(again)),
            R"({"differences":[{"found":"98","recorded":"99","what":"model.joblib"}],)"
            R"("digests":[{"digest":"d7","what":"model"}],"id":"late#1",)"
            R"("metrics":{"auc":0.75},"same":false,"unproven":[]})");
  work::SkewReport skew;
  skew.pairs = 3;
  EXPECT_EQ(JsonLine(ToJson(skew)),
            R"({"differing":0,"first":[],"not_asked":[],"pairs":3,"status_differing":0,)"
            R"("values":0})");
}

using AnswersTest = work::ShopTest;

TEST_F(AnswersTest, ReadWhatTheProjectHolds) {
  LandDays(2);
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  ASSERT_OK_AND(const StatusAnswer status, ReadStatus(*workspace));
  EXPECT_TRUE(status.adds_up());
  EXPECT_EQ(status.objects, 2);
  EXPECT_EQ(status.records, 41);
  EXPECT_EQ(status.gates.size(), 1u);
  ASSERT_OK_AND(const TablesAnswer tables, ListTables(*workspace));
  EXPECT_EQ(tables.tables.size(), status.tables.size());
  ASSERT_OK_AND(const GatesAnswer gates, ListGates(*workspace));
  ASSERT_EQ(gates.gates.size(), 1u);
  ASSERT_TRUE(gates.gates[0].last.has_value());
  ASSERT_OK_AND(const RunVerdictsAnswer verdicts,
                ReadVerdicts(*workspace, gates.gates[0].last->run));
  EXPECT_EQ(verdicts.verdicts.size(), 1u);
  ASSERT_OK_AND(const RunsAnswer runs, ListRuns(*workspace, 3));
  EXPECT_EQ(runs.runs.size(), 3u);
  EXPECT_THAT(ListVerdicts(*workspace, "ordr", 10).status().hint(), HasSubstr("order"));
  EXPECT_EQ(ReadModel(*workspace, "none").status().error_code(), "WH8037");
}

TEST_F(AnswersTest, CommitsAreReadInOrderAndInPages) {
  LandDays(2);
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  ASSERT_OK_AND(const CommitSeq last, workspace->catalog().LastSeq());
  CommitSeq after(0);
  while (after != last) {
    ASSERT_OK_AND(const auto page, CommittedSince(workspace->catalog(), after, 2));
    ASSERT_FALSE(page.empty());
    ASSERT_LE(page.size(), 2u);
    for (const CommittedRun& committed : page) {
      EXPECT_EQ(committed.entry.seq.value(), after.value() + 1);
      EXPECT_EQ(committed.run.id, committed.entry.run);
      after = committed.entry.seq;
    }
  }
}
}  // namespace
}  // namespace weirhouse::answers
