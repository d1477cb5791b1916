#include "work/lineage/tracing.h"

#include <cstdlib>
#include <filesystem>

#include "ground/platform/db/sqlite.h"
#include "testing/projects/shop_fixture.h"
#include "work/lineage/rebuild_check.h"
#include "work/pipeline/batch/halt.h"
#include "work/serving/predictions.h"
#include "work/training/modeling.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using lineage::TraceNode;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// All nodes of a kind, wherever in the tree.
void Collect(const TraceNode& node, const std::string& kind, std::vector<const TraceNode*>& found) {
  if (node.kind == kind) found.push_back(&node);
  for (const TraceNode& parent : node.parents) Collect(parent, kind, found);
}
std::vector<const TraceNode*> Nodes(const TraceNode& node, const std::string& kind) {
  std::vector<const TraceNode*> found;
  Collect(node, kind, found);
  return found;
}
// Of all nodes but those that say what took a row's place.
std::vector<std::string> Titles(const TraceNode& node) {
  std::vector<std::string> titles;
  if (node.kind != "superseded") titles.push_back(node.title);
  for (const TraceNode& parent : node.parents) {
    for (std::string& title : Titles(parent)) titles.push_back(std::move(title));
  }
  return titles;
}
std::size_t Lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

struct TracingTest : ShopTest {
  static void SetUpTestSuite() {
    const std::string python = testing::SourceFolder() + "/.deps/venv/bin/python";
    setenv("WEIRHOUSE_PYTHON", python.c_str(), /*overwrite=*/1);
  }
  Result<TraceNode> TraceOf(const std::string& what, bool all = false,
                            std::optional<std::string> feature = std::nullopt) {
    lineage::TraceOptions options;
    options.all_records = all;
    options.feature = std::move(feature);
    return Trace(*workspace, what, options);
  }
  // The newest committed run of a kind.
  std::string LastRun(const std::string& kind) {
    catalog::RunFilter filter;
    filter.kind = catalog::KindNamed<catalog::RunKind>(kind);
    return ToString(workspace->catalog().Runs(filter).value().front().id);
  }
};

// Changes a write-once file, as somebody with the disk could.
void Overwrite(const std::string& path, const std::string& bytes) {
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  weirhouse::testing::WriteFile(path, bytes);
  std::filesystem::permissions(path, std::filesystem::perms(0444));
}

// A project with a model that has served one prediction; made once, what a test changes it puts
// back.
struct Served : TracingTest {
  void TestBody() override {}
  std::unique_ptr<PredictionService> service;
  std::string prediction;  // of shop a

  void SetUp() override {
    TracingTest::SetUp();
    AddModels();
    LandDays(6);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    ASSERT_OK(BuildTrainingSet(*workspace, "big_v1", NoProgress()));
    ASSERT_OK(TrainModel(*workspace, "big", nullptr, NoProgress()));
    ASSERT_OK(DeployModel(*workspace, "big#1"));
    service = std::make_unique<PredictionService>(*workspace);
    prediction = Predict("a", "2024-01-06T10:30:00Z");
  }
  std::string Predict(const std::string& shop, const std::string& at) {
    const auto us = ParseTimeMicros(at);
    EXPECT_OK(us);
    const auto made = service->Predict("big", {{"shop", shop}, {"at", at}, {"amount", 80}},
                                       EventTimeOfMicros(*us));
    EXPECT_OK(made);
    return made.ok() ? made->id : "";
  }
};

struct PredictionTraceTest : ::testing::Test {
  static void SetUpTestSuite() {
    TracingTest::SetUpTestSuite();
    served = std::make_unique<Served>();
    served->SetUp();
  }
  static void TearDownTestSuite() { served.reset(); }
  static std::unique_ptr<Served> served;

  Workspace* workspace = served->workspace.get();
  std::string prediction = served->prediction;
  Result<TraceNode> TraceOf(const std::string& what, bool all = false,
                            std::optional<std::string> feature = std::nullopt) {
    return served->TraceOf(what, all, std::move(feature));
  }
};
std::unique_ptr<Served> PredictionTraceTest::served;

TEST_F(PredictionTraceTest, LeadsToTheBytesThatArrivedAndHashesThemAgain) {
  ASSERT_OK_AND(const TraceNode trace, TraceOf(prediction));
  EXPECT_TRUE(trace.AllIntact()) << lineage::ToText(trace);
  const auto records = Nodes(trace, "record");
  ASSERT_FALSE(records.empty());
  for (const TraceNode* record : records) {
    EXPECT_TRUE(record->checked);
    EXPECT_THAT(record->detail["bytes"].get<std::string>(), HasSubstr("\"shop\":\"a\""));
    ASSERT_EQ(record->parents.size(), 1U);
    EXPECT_EQ(record->parents[0].kind, "object");
    const std::string object =
        weirhouse::testing::ReadFile(record->parents[0].detail["path"].get<std::string>());
    EXPECT_EQ(object.substr(record->detail["byte_offset"].get<std::size_t>(),
                            record->detail["byte_length"].get<std::size_t>()),
              record->detail["bytes"].get<std::string>());
  }
  const std::string text = lineage::ToText(trace);
  EXPECT_THAT(text, HasSubstr("gate order passed"));
  EXPECT_THAT(text, HasSubstr("train.py sha256"));
  EXPECT_THAT(text, HasSubstr("training set big_v1#1, 120 rows × 6 features"));
  EXPECT_LE(Lines(text), 60U) << text;
}

TEST_F(PredictionTraceTest, CountsTheRowsOfAWindowAndShowsThree) {
  ASSERT_OK_AND(const TraceNode trace, TraceOf(prediction, false, "shop_sales.n_24h"));
  const auto values = Nodes(trace, "value");
  ASSERT_EQ(values.size(), 1U);
  // Of shop a, in the 24 hours before 10:30: two an hour from 06:00 to 10:00, two days' worth less
  // what the window leaves out.
  const std::int64_t count = values[0]->detail["served"][0]["value"].get<std::int64_t>();
  EXPECT_EQ(values[0]->detail["rows"].get<std::int64_t>(), count);
  EXPECT_EQ(count, 10);
  EXPECT_EQ(values[0]->parents.size(), 3U);
  EXPECT_EQ(values[0]->hidden, count - 3);
  EXPECT_TRUE(values[0]->checked);
  EXPECT_THAT(lineage::ToText(trace), HasSubstr("7 more"));
  EXPECT_TRUE(Nodes(trace, "model").empty());

  ASSERT_OK_AND(const TraceNode all, TraceOf(prediction, true, "shop_sales.n_24h"));
  EXPECT_EQ(Nodes(all, "record").size(), 10U);
}

TEST_F(PredictionTraceTest, TheSumOfTheRecordsIsTheServedTotal) {
  ASSERT_OK_AND(const TraceNode trace, TraceOf(prediction, true, "shop_sales.total_24h"));
  std::int64_t sum = 0;
  for (const TraceNode* record : Nodes(trace, "record"))
    sum += json::parse(record->detail["bytes"].get<std::string>())["amount"].get<std::int64_t>();
  EXPECT_EQ(sum, Nodes(trace, "value")[0]->detail["served"][0]["value"].get<std::int64_t>());
}

TEST_F(PredictionTraceTest, ACorrectedRowIsTracedToTheRecordThatWasKnownThen) {
  // 5-3 was reported again on the 6th at 05:00 with amount 6.
  const std::string early = served->Predict("b", "2024-01-06T04:59:00Z");
  const std::string late = served->Predict("b", "2024-01-06T05:01:00Z");
  ASSERT_OK_AND(const TraceNode before, TraceOf(early, true, "shop_sales.n_24h"));
  ASSERT_OK_AND(const TraceNode after, TraceOf(late, true, "shop_sales.n_24h"));
  const auto amounts = [](const TraceNode& trace) {
    std::vector<std::int64_t> found;
    for (const TraceNode* record : Nodes(trace, "record")) {
      const json bytes = json::parse(record->detail["bytes"].get<std::string>());
      if (bytes["id"] == "5-3") found.push_back(bytes["amount"].get<std::int64_t>());
    }
    return found;
  };
  EXPECT_EQ(amounts(before), (std::vector<std::int64_t>{(5 * 37 + 3 * 13) % 101}));
  EXPECT_EQ(amounts(after), (std::vector<std::int64_t>{6}));
  EXPECT_TRUE(before.AllIntact());
  EXPECT_TRUE(after.AllIntact());
}

TEST_F(PredictionTraceTest, StaysWhatItWasWhenLaterRowsArrive) {
  ASSERT_OK_AND(const TraceNode before, TraceOf(prediction, true));
  // A late order that falls into the window, known before the prediction's time, arrived after it.
  served->Land("2024-01-07.jsonl",
               Order("late", 77, "2024-01-06T07:00:00Z", "2024-01-06T07:30:00Z") +
                   Order("6-0", 99, "2024-01-06T06:00:00Z", "2024-01-06T07:30:00Z"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ASSERT_OK_AND(const TraceNode after, TraceOf(prediction, true));
  EXPECT_TRUE(after.AllIntact()) << lineage::ToText(after);
  // What took the place of a row since is said in a line of its own, and nothing else is new.
  EXPECT_EQ(Titles(after), Titles(before));
  ASSERT_FALSE(Nodes(after, "superseded").empty());
  EXPECT_THAT(Nodes(after, "superseded")[0]->title, HasSubstr("in processed.order, by r"));
}

TEST_F(PredictionTraceTest, AnEntityWithoutRowsIsAnAnswer) {
  ASSERT_OK_AND(const TraceNode trace, TraceOf(served->Predict("nobody", "2024-01-06T10:30:00Z")));
  EXPECT_TRUE(trace.AllIntact()) << lineage::ToText(trace);
  EXPECT_TRUE(Nodes(trace, "record").empty());
  EXPECT_THAT(lineage::ToText(trace), HasSubstr("n_24h 0"));
}

// Nothing ever came for the source of a view: neither its table is there nor the one it reads.
TEST_F(TracingTest, AViewThatHasNoRowsYetIsTraced) {
  std::string project = ShopFile("weirhouse.yaml");
  const std::string order = "  order: {";
  project.insert(project.find(order),
                 "  visit: { landing: landing/visit/, format: jsonl, contract: order }\n");
  Write("weirhouse.yaml", project);
  Write("processed/visit.sql",
        "-- wh: table processed.visit; key id; event at; known reported_at; history keep\n"
        "SELECT r.id, r.shop, r.amount, r.at, r.reported_at FROM records.visit AS r\n");
  AddModels();
  std::string views;
  std::string features;
  for (const std::string source : {"visit", "visit_history"}) {
    views += fmt::format(
        "--- {{ feature_view: of_{0}, version: 1, entity: {{ shop: string }}, source: "
        "processed.{0}, event_time: at, known_time: reported_at, windows: [24h], "
        "features: {{ n: {{ agg: count }} }}, online: {{ fill: stream }} }}\n",
        source);
    features += fmt::format(", 'of_{}@1:*'", source);
  }
  Write("features/visits.yaml", views);
  std::string set = ShopModelFile("training_sets/big_v1.yaml");
  set.insert(set.find("]\nsplit"), features);
  Write("training_sets/big_v1.yaml", set);
  Reopen();
  LandDays(6);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK(BuildTrainingSet(*workspace, "big_v1", NoProgress()));
  ASSERT_OK(TrainModel(*workspace, "big", nullptr, NoProgress()));
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  PredictionService service(*workspace);
  const std::string at = "2024-01-06T10:30:00Z";
  ASSERT_OK_AND(const auto made, service.Predict("big", {{"shop", "a"}, {"at", at}, {"amount", 80}},
                                                 EventTimeOfMicros(ParseTimeMicros(at).value())));
  ASSERT_OK_AND(const TraceNode trace, TraceOf(made.id));
  EXPECT_TRUE(trace.AllIntact()) << lineage::ToText(trace);
  EXPECT_THAT(lineage::ToText(trace), HasSubstr("n_24h 0 ← no rows known"));
  // What comes later changes nothing of it.
  Write("landing/visit/a.jsonl", Order("v1", 1, "2024-01-06T09:00:00Z", "2024-01-06T09:00:00Z"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ASSERT_OK_AND(const TraceNode later, TraceOf(made.id));
  EXPECT_TRUE(later.AllIntact()) << lineage::ToText(later);
  EXPECT_THAT(lineage::ToText(later), HasSubstr("n_24h 0 ← no rows known"));
}

TEST_F(PredictionTraceTest, ATamperedObjectShows) {
  ASSERT_OK_AND(const auto objects, workspace->catalog().Objects({}));
  const std::string& path = objects[1].path;  // of the later days
  const std::string bytes = weirhouse::testing::ReadFile(path);
  std::string other = bytes;
  other[other.find("\"amount\":") + 9] = '9';
  Overwrite(path, other);
  ASSERT_OK_AND(const TraceNode trace, TraceOf(prediction));
  Overwrite(path, bytes);
  EXPECT_FALSE(trace.AllIntact());
  EXPECT_THAT(lineage::ToText(trace), HasSubstr("✗"));
}

TEST_F(PredictionTraceTest, ATamperedArtifactShows) {
  ASSERT_OK_AND(const auto node,
                workspace->catalog().FindNode({catalog::NodeKind::kModel, "big#1"}));
  const std::string path = node->node.record["folder"].get<std::string>() + "/model.json";
  const std::string bytes = weirhouse::testing::ReadFile(path);
  Overwrite(path, "{}");
  ASSERT_OK_AND(const TraceNode trace, TraceOf("big#1"));
  Overwrite(path, bytes);
  EXPECT_FALSE(trace.AllIntact());
  EXPECT_FALSE(Nodes(trace, "artifact")[0]->intact);
}

TEST_F(PredictionTraceTest, NamesAFeatureThatWasNotServed) {
  const auto trace = TraceOf(prediction, false, "shop_sales.m_24h");
  ASSERT_FALSE(trace.ok());
  EXPECT_EQ(trace.status().error_code(), "WH6007");
  EXPECT_THAT(trace.status().hint(), HasSubstr("shop_sales.n_24h"));
}

TEST_F(PredictionTraceTest, AViewThatWasEditedSinceIsTakenFromTheDeployedCode) {
  std::string edited = ShopFile("features/sales.yaml");
  edited.replace(edited.find("24h"), 3, "48h");
  served->Write("features/sales.yaml", edited);
  auto project = LoadProject(served->scratch.path().string(), "");
  served->Write("features/sales.yaml", ShopFile("features/sales.yaml"));
  ASSERT_OK(project);
  ASSERT_OK_AND(const auto reader, Workspace::Open(*project, Access::kRead));
  ASSERT_OK_AND(const TraceNode trace, Trace(*reader, prediction, {}));
  EXPECT_TRUE(trace.AllIntact()) << lineage::ToText(trace);
  EXPECT_THAT(lineage::ToText(trace), HasSubstr("n_24h 10"));
}

TEST_F(PredictionTraceTest, AViewThatNothingDefinesAnyMoreIsNamed) {
  std::string edited = ShopFile("features/sales.yaml");
  edited.replace(edited.find("24h"), 3, "48h");
  served->Write("features/sales.yaml", edited);
  auto project = LoadProject(served->scratch.path().string(), "");
  served->Write("features/sales.yaml", ShopFile("features/sales.yaml"));
  ASSERT_OK(project);
  ASSERT_OK_AND(const auto reader, Workspace::Open(*project, Access::kRead));
  const std::string code = workspace->lake() + "/code";
  std::filesystem::rename(code, code + "-away");
  const Status status = Trace(*reader, prediction, {}).status();
  std::filesystem::rename(code + "-away", code);
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.error_code(), "WH6006");
  EXPECT_EQ(status.message(),
            "the project no longer defines the view \"shop_sales@1\" as it was served");
  EXPECT_THAT(status.hint(), HasSubstr("restore its file"));
}

TEST_F(PredictionTraceTest, WhatWasLoggedAndCannotBeReadIsNamed) {
  const std::string damaged = served->Predict("a", "2024-01-06T10:45:00Z");
  const auto edit = [&](const std::string& column, const std::string& value) {
    ASSERT_OK_AND(const auto catalog,
                  platform::Sqlite::Open(served->scratch / ".weirhouse/catalog.db",
                                         /*read_only=*/false));
    ASSERT_OK(
        catalog->Run("UPDATE prediction SET " + column + " = ? WHERE id = ?", {value, damaged}));
  };
  edit("request", R"({"shop":{},"at":"2024-01-06T10:45:00Z","amount":80})");
  const Status request = TraceOf(damaged).status();
  edit("vector", "5");
  const Status vector = TraceOf(damaged).status();
  for (const Status& status : {request, vector}) {
    EXPECT_EQ(status.code(), Code::kCorruption);
    EXPECT_EQ(status.error_code(), "WH6005");
    EXPECT_THAT(status.hint(), HasSubstr("`wh verify`"));
  }
  EXPECT_THAT(request.message(),
              HasSubstr("the logged request of " + damaged + " cannot be read: "));
  EXPECT_THAT(request.message(), HasSubstr("shop"));
  EXPECT_EQ(vector.message(), "the served vector of " + damaged + " cannot be read");
}

struct StopsAtOnce final : Progress {
  void Update(std::string_view, std::int64_t, std::int64_t) override {}
  void Say(std::string_view) override {}
  bool Cancelled() override { return true; }
};
TEST_F(TracingTest, AComparisonThatWasInterruptedIsNoAnswer) {
  LandDays(2);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  StopsAtOnce stops;
  const Status status = CheckRebuild(*workspace, {}, stops).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH6015");
  EXPECT_THAT(status.message(), HasSubstr("was interrupted before it was complete"));
  EXPECT_THAT(status.hint(), HasSubstr("`wh verify --rebuild TABLE`"));
}

TEST_F(PredictionTraceTest, ADeploymentLeadsToItsModelAndABareNameToTheNewest) {
  ASSERT_OK_AND(const TraceNode deployment, TraceOf("big#1@d1"));
  ASSERT_EQ(deployment.parents.size(), 1U);
  EXPECT_EQ(deployment.parents[0].key, "big#1");
  ASSERT_OK_AND(const TraceNode model, TraceOf("big"));
  EXPECT_EQ(model.key, "big#1");
  ASSERT_OK_AND(const TraceNode set, TraceOf("big_v1"));
  EXPECT_EQ(set.key, "big_v1#1");
}

TEST_F(PredictionTraceTest, ATrainingSetLeadsToItsSnapshots) {
  ASSERT_OK_AND(const TraceNode trace, TraceOf("big_v1#1"));
  const auto snapshots = Nodes(trace, "snapshot");
  ASSERT_EQ(snapshots.size(), 3U);
  EXPECT_THAT(snapshots[0]->title, HasSubstr("processed.order@"));
  EXPECT_THAT(snapshots[0]->title, HasSubstr("gate order: 2 passed"));
}

TEST_F(TracingTest, ARowShowsItsVersionsAndWhatLostToIt) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z") +
                               Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  Land("2024-01-02.jsonl", Order("1", 20, "2024-01-01T10:00:00Z", "2024-01-02T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK_AND(const TraceNode trace, TraceOf("processed.order:1"));
  EXPECT_TRUE(trace.AllIntact());
  EXPECT_EQ(trace.detail["cells"]["amount"], 20);
  const std::string text = lineage::ToText(trace);
  EXPECT_THAT(text, HasSubstr("earlier version: processed.order_history@"));
  EXPECT_THAT(text, HasSubstr("lost to it (superseded)"));
  EXPECT_THAT(text, HasSubstr("\"amount\":20"));
  const auto missing = TraceOf("processed.order:2");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().error_code(), "WH6004");
}

TEST_F(TracingTest, ARecordSaysWhatBecameOfIt) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z") +
                               Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z") +
                               Order("2", -5, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK_AND(const auto objects, workspace->catalog().Objects({}));
  const std::int64_t first = objects[0].first_record_id.value();
  std::vector<std::string> titles;
  for (std::int64_t i = 0; i < 3; ++i) {
    ASSERT_OK_AND(const TraceNode trace, TraceOf(fmt::format("record:{}", first + i)));
    titles.push_back(trace.title);
  }
  std::sort(titles.begin(),
            titles.begin() + 2);  // which of two equal records wins is not told here
  EXPECT_THAT(titles[0] + titles[1], HasSubstr("→ processed.order@"));
  EXPECT_THAT(titles[0] + titles[1], HasSubstr("→ duplicate in processed.order"));
  EXPECT_THAT(titles[2], HasSubstr("→ quarantined: WH12"));
  const auto missing = TraceOf("record:99999");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().error_code(), "WH6002");
}

TEST_F(TracingTest, AnOverrideShowsOnEveryRowItLetThrough) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  Land("2024-01-02.jsonl", Order("2", 9999, "2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z"));
  ASSERT_OK_AND(const RunSummary halted, Apply(*workspace, "", NoProgress()));
  ASSERT_TRUE(halted.halted.has_value());
  ASSERT_OK(OverrideGate(*workspace, *halted.halted, "it is true", "ana"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ASSERT_OK_AND(const TraceNode through, TraceOf("processed.order:2"));
  EXPECT_THAT(lineage::ToText(through), HasSubstr("FAILED, OVERRIDDEN by ana: it is true"));
  ASSERT_OK_AND(const TraceNode passed, TraceOf("processed.order:1"));
  EXPECT_THAT(lineage::ToText(passed), Not(HasSubstr("OVERRIDDEN")));
  ASSERT_OK_AND(const TraceNode run, TraceOf(ToString(*halted.halted)));
  EXPECT_THAT(run.title, HasSubstr("FAILED"));
  ASSERT_OK_AND(const TraceNode decision, TraceOf(LastRun("override")));
  EXPECT_THAT(lineage::ToText(decision), HasSubstr("overrode " + ToString(*halted.halted)));
}

TEST_F(TracingTest, RunsCommitsObjectsAndSnapshotsHaveTheirSay) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const std::string run = LastRun("processed");
  ASSERT_OK_AND(const TraceNode processed, TraceOf(run));
  EXPECT_THAT(processed.title, HasSubstr("gate order passed"));
  EXPECT_EQ(Nodes(processed, "object").size(), 1U);
  EXPECT_EQ(Nodes(processed, "code").size(), 1U);
  EXPECT_TRUE(processed.AllIntact());
  ASSERT_OK_AND(const auto now, workspace->catalog().FindTable("processed.order"));
  ASSERT_OK_AND(const TraceNode snapshot,
                TraceOf(fmt::format("processed.order@{}", now->seq.value())));
  ASSERT_EQ(Nodes(snapshot, "run").size(), 1U);
  EXPECT_EQ(Nodes(snapshot, "run")[0]->key, run);
  ASSERT_OK_AND(const TraceNode commit, TraceOf(std::to_string(now->seq.value())));
  EXPECT_EQ(commit.parents[0].key, run);
  ASSERT_OK_AND(const TraceNode object, TraceOf("o1"));
  EXPECT_TRUE(object.checked && object.intact);
  const auto later = TraceOf(fmt::format("processed.order@{}", now->seq.value() + 1));
  ASSERT_FALSE(later.ok());
  EXPECT_THAT(later.status().hint(), HasSubstr(fmt::format("@{}", now->seq.value())));
}

TEST_F(TracingTest, VerifyReachesTheFilesOfEveryLiveSnapshot) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  Land("2024-01-02.jsonl", Order("1", 20, "2024-01-01T10:00:00Z", "2024-01-02T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const auto verify = [&] {
    auto report = lineage::Verify(workspace->catalog(), workspace->store(), /*deep=*/true,
                                  [](std::int64_t, std::int64_t) {});
    EXPECT_OK(report);
    return report.ok() ? *report : lineage::VerifyReport();
  };
  const lineage::VerifyReport whole = verify();
  EXPECT_THAT(whole.problems, ::testing::IsEmpty());
  EXPECT_GE(whole.snapshots, 8);  // two of each of four tables
  EXPECT_EQ(whole.orphans, 0);

  Write(".weirhouse/lake/processed/order/data/r99-0-00000000.parquet", "cut short");
  EXPECT_EQ(verify().orphans, 1);
  ASSERT_OK_AND(const auto files, workspace->catalog().Files("processed.order"));
  const auto manifest = std::find_if(files.begin(), files.end(), [](const auto& file) {
    return file.kind == catalog::FileKind::kManifest;
  });
  ASSERT_NE(manifest, files.end());
  std::filesystem::remove(manifest->path);
  const lineage::VerifyReport broken = verify();
  EXPECT_THAT(broken.problems, ::testing::Contains(HasSubstr("of processed.order is missing")));
  EXPECT_THAT(broken.problems, ::testing::Contains(HasSubstr(manifest->path)));
}

TEST_F(TracingTest, WhatIsNotThereIsNotFound) {
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  for (const char* what : {"nothing", "p-0", "big#1", "r999", "o999", "9999", "processed.order@9",
                           "processed.orders@1", "record:1", ""}) {
    const auto trace = TraceOf(what);
    ASSERT_FALSE(trace.ok()) << what;
    EXPECT_EQ(trace.status().code(), Code::kNotFound) << what;
  }
}
}  // namespace
}  // namespace weirhouse::work
