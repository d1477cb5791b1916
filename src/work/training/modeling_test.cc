#include "work/training/modeling.h"

#include <arrow/api.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "ground/platform/db/sqlite.h"
#include "testing/projects/shop_fixture.h"
#include "work/serving/predictions.h"
#include "work/training/modeling_record.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ModelingTest : ShopTest {
  static void SetUpTestSuite() {
    const std::string python = testing::SourceFolder() + "/.deps/venv/bin/python";
    setenv("WEIRHOUSE_PYTHON", python.c_str(), /*overwrite=*/1);
  }
  void SetUp() override {
    ShopTest::SetUp();
    AddModels();
    LandDays(6);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
  }
  TrainingSetBuilt Build() {
    auto built = BuildTrainingSet(*workspace, "big_v1", NoProgress());
    EXPECT_OK(built);
    return built.ok() ? *built : TrainingSetBuilt();
  }
  ModelTrained Train(const json& parameters = nullptr) {
    auto trained = TrainModel(*workspace, "big", parameters, NoProgress());
    EXPECT_OK(trained);
    return trained.ok() ? *trained : ModelTrained();
  }
  std::int64_t CommittedRuns(const std::string& kind) {
    catalog::RunFilter filter;
    filter.kind = catalog::KindNamed<catalog::RunKind>(kind);
    filter.state = catalog::RunState::kCommitted;
    return static_cast<std::int64_t>(workspace->catalog().Runs(filter).value().size());
  }
  json Request(int amount = 80) {
    return {{"shop", "a"}, {"at", "2024-01-06T12:00:00Z"}, {"amount", amount}};
  }
};

TEST_F(ModelingTest, ATrainingSetHasARowPerSpineRowAndEveryFeature) {
  const TrainingSetBuilt built = Build();
  EXPECT_EQ(built.id, "big_v1#1");
  EXPECT_EQ(built.rows, 120);
  EXPECT_EQ(built.features, 6);
  EXPECT_EQ(built.naive_rows, 120);
  EXPECT_EQ(built.naive_differing, 0);
  EXPECT_FALSE(built.repeated);
  ASSERT_OK_AND(const auto rows, workspace->ReadTable("training_set.big_v1"));
  EXPECT_THAT(rows->ColumnNames(),
              ElementsAre("id", "shop", "at", "amount", "big", "shop_sales.n_24h",
                          "shop_sales.total_24h", "shop_recent.mean_24h", "shop_recent.last_24h",
                          "order_request.amount", "order_request.hour", "split"));
  EXPECT_EQ(iceberg::ContentDigest(*rows).value(), built.content);
}

TEST_F(ModelingTest, TheSameInputsGiveTheSameSetAndNewRowsTheNext) {
  const TrainingSetBuilt first = Build();
  const TrainingSetBuilt again = Build();
  EXPECT_EQ(again.id, first.id);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.seq, first.seq);
  EXPECT_EQ(CommittedRuns("training_set"), 1);

  Land("2024-01-07.jsonl", Order("7-0", 9, "2024-01-07T06:00:00Z", "2024-01-07T06:00:00Z"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  const TrainingSetBuilt next = Build();
  EXPECT_EQ(next.id, "big_v1#2");
  EXPECT_EQ(next.rows, 121);
  EXPECT_EQ(Rows("training_set.big_v1"), 121);
}

TEST_F(ModelingTest, InputsAndRowsOfABuiltSetStayReadableByItsTag) {
  const TrainingSetBuilt built = Build();
  ASSERT_OK_AND(const auto node,
                workspace->catalog().FindNode({catalog::NodeKind::kTrainingSet, built.id}));
  ASSERT_OK_AND(const TrainingSetRecord record, TrainingSetFromJson(node->node.record));
  Land("2024-01-07.jsonl", Order("7-0", 9, "2024-01-07T06:00:00Z", "2024-01-07T06:00:00Z"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  Build();
  EXPECT_EQ(record.tag, "training_set-big_v1-1");
  EXPECT_EQ(record.inputs.size(), 3U);  // the processed table and two feature tables
  for (const auto& [name, input] : record.inputs) {
    ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable(name));
    ASSERT_NE(table->FindRef(record.tag), nullptr) << name;
    EXPECT_EQ(table->FindRef(record.tag)->id, input.snapshot) << name;
  }
  ASSERT_OK_AND(const auto rows,
                workspace->ReadTable(record.table, record.columns, record.snapshot));
  EXPECT_EQ(iceberg::ContentDigest(*rows).value(), built.content);
}

TEST_F(ModelingTest, LineageLeadsFromTheSetToWhatItRead) {
  const TrainingSetBuilt built = Build();
  ASSERT_OK_AND(const auto into,
                workspace->catalog().EdgesInto({catalog::NodeKind::kTrainingSet, built.id}));
  ASSERT_EQ(into.size(), 1U);
  EXPECT_EQ(into[0].kind, catalog::EdgeKind::kWrote);
  ASSERT_OK_AND(const auto behind, workspace->catalog().EdgesInto(into[0].from));
  std::map<std::string, int> kinds;
  for (const auto& edge : behind) {
    ++kinds[fmt::format("{} {}", catalog::Name(edge.from.kind), catalog::Name(edge.kind))];
  }
  EXPECT_EQ(kinds,
            (std::map<std::string, int>{{"code uses", 1}, {"snapshot read", 3}, {"view uses", 3}}));
}

TEST_F(ModelingTest, ColumnsThatItsTableCannotFollowNeedANewName) {
  Build();
  std::string set = ShopModelFile("training_sets/big_v1.yaml");
  const std::string label = "o.amount > 50 as big";
  set.replace(set.find(label), label.size(), "o.shop as big");
  Write("training_sets/big_v1.yaml", set);
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const Status status = BuildTrainingSet(*workspace, "big_v1", NoProgress()).status();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH4023");
  EXPECT_THAT(
      status.message(),
      HasSubstr("the columns of \"big_v1\" changed in a way that its table cannot follow: "));
  EXPECT_THAT(status.message(), HasSubstr("big"));
  EXPECT_THAT(status.hint(), HasSubstr("give the training set a new name"));
}

TEST_F(ModelingTest, ASpineThatReadsRecordsIsRefused) {
  Write("training_sets/raw_v1.yaml",
        "training_set: raw_v1\nspine: select r.shop, r.at from records.order r\ntime: at\n"
        "features: ['shop_sales@1:*']\n");
  EXPECT_EQ(LoadProject(scratch.path().string(), "").status().error_code(), "WH4020");
}

TEST_F(ModelingTest, AnUnknownTrainingSetIsNotFoundWithASuggestion) {
  const auto built = BuildTrainingSet(*workspace, "bigv1", NoProgress());
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.status().code(), Code::kNotFound);
  EXPECT_THAT(built.status().hint(), HasSubstr("big_v1"));
}

TEST_F(ModelingTest, AModelIsTrainedStoredAndTheSameAgainIsTheSameModel) {
  Build();
  const ModelTrained first = Train();
  EXPECT_EQ(first.id, "big#1");
  EXPECT_EQ(first.training_set, "big_v1#1");
  EXPECT_EQ(first.metrics.at("accuracy"), 1.0);
  EXPECT_FALSE(first.repeated);
  const std::string stored = first.folder + "/model.json";
  EXPECT_EQ(std::filesystem::status(stored).permissions(), std::filesystem::perms(0444));

  const ModelTrained again = Train();
  EXPECT_EQ(again.id, "big#1");
  EXPECT_TRUE(again.repeated);
  const ModelTrained other = Train({{"cut", 40}});
  EXPECT_EQ(other.id, "big#2");
  EXPECT_NE(other.digest, first.digest);
  ASSERT_OK_AND(const auto files, workspace->catalog().Files(std::nullopt));
  const auto recorded = std::find_if(files.begin(), files.end(),
                                     [&](const auto& file) { return file.path == stored; });
  ASSERT_NE(recorded, files.end());
  EXPECT_EQ(recorded->kind, catalog::FileKind::kArtifact);
}

TEST_F(ModelingTest, AModelBelowItsBoundIsRefusedAndTheRunRecordedAsFailed) {
  Build();
  const auto trained = TrainModel(*workspace, "big", {{"cut", 100}}, NoProgress());
  ASSERT_FALSE(trained.ok());
  EXPECT_EQ(trained.status().code(), Code::kGateFailed);
  catalog::RunFilter filter;
  filter.kind = catalog::RunKind::kModel;
  ASSERT_OK_AND(const auto runs, workspace->catalog().Runs(filter));
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, catalog::RunState::kFailed);
  EXPECT_THAT(runs[0].error.value("message", ""), HasSubstr("accuracy"));
  EXPECT_TRUE(workspace->catalog().Nodes(catalog::NodeKind::kModel).value().empty());
  EXPECT_EQ(Train().id, "big#1");
}

TEST_F(ModelingTest, TrainingTellsWhatIsMissingOrWrong) {
  const auto unbuilt = TrainModel(*workspace, "big", nullptr, NoProgress());
  EXPECT_EQ(unbuilt.status().code(), Code::kNotFound);
  EXPECT_THAT(unbuilt.status().hint(), HasSubstr("train-set build big_v1"));
  Build();
  const auto unknown = TrainModel(*workspace, "big", {{"cutt", 1}}, NoProgress());
  EXPECT_EQ(unknown.status().error_code(), "WH5021");
  EXPECT_THAT(unknown.status().hint(), HasSubstr("cut"));
  const auto failed = TrainModel(*workspace, "big", {{"fail", true}}, NoProgress());
  EXPECT_EQ(failed.status().error_code(), "WH5002");
  EXPECT_THAT(failed.status().message(), HasSubstr("told to fail"));
  Write("train.py", "raise SystemExit(1)\n");
  EXPECT_EQ(TrainModel(*workspace, "big", nullptr, NoProgress()).status().error_code(), "WH5026");
}

TEST_F(ModelingTest, APredictionIsScoredLoggedAndTraced) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  PredictionService service(*workspace);
  ASSERT_OK_AND(const Prediction prediction,
                service.Predict("big", Request(), EventTimeOfMicros(1704542400000000)));
  EXPECT_EQ(prediction.model, "big#1");
  EXPECT_EQ(prediction.output, (json{{"score", 1.0}}));
  EXPECT_EQ(prediction.vector.features.size(), 6U);

  ASSERT_OK_AND(const auto logged, workspace->catalog().FindPrediction(prediction.id));
  ASSERT_TRUE(logged.has_value());
  EXPECT_EQ(logged->vector_digest, prediction.vector.digest);
  EXPECT_EQ(logged->vector[0]["bits"], prediction.vector.features[0].bits);
  EXPECT_EQ(logged->output, prediction.output);
  EXPECT_EQ(logged->features_seq, prediction.vector.seq);
  ASSERT_OK_AND(const auto into,
                workspace->catalog().EdgesInto({catalog::NodeKind::kPrediction, prediction.id}));
  std::map<std::string, std::string> kinds;
  for (const auto& edge : into) {
    kinds[std::string(catalog::Name(edge.kind))] = catalog::Name(edge.from.kind);
  }
  EXPECT_EQ(kinds, (std::map<std::string, std::string>{
                       {"read", "commit"}, {"served_by", "deployment"}, {"wrote", "run"}}));
}

TEST_F(ModelingTest, ThePredictionSeesWhatTrainingSaw) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  ASSERT_OK_AND(const auto rows, workspace->ReadTable("training_set.big_v1"));
  PredictionService service(*workspace);
  for (const std::int64_t row : {0, 40, 77, 119}) {
    const auto shop = rows->GetColumnByName("shop")->GetScalar(row).ValueOrDie()->ToString();
    const auto at = std::static_pointer_cast<arrow::TimestampScalar>(
                        rows->GetColumnByName("at")->GetScalar(row).ValueOrDie())
                        ->value;
    const auto amount = std::static_pointer_cast<arrow::Int64Scalar>(
                            rows->GetColumnByName("amount")->GetScalar(row).ValueOrDie())
                            ->value;
    ASSERT_OK_AND(
        const Prediction prediction,
        service.Predict("big", {{"shop", shop}, {"at", FormatTime(at)}, {"amount", amount}},
                        EventTimeOfMicros(at)));
    for (const std::string& name : prediction.vector.row->ColumnNames()) {
      const auto online = prediction.vector.row->GetColumnByName(name);
      const auto offline = rows->GetColumnByName(name);
      EXPECT_TRUE(online->type()->Equals(offline->type())) << name;
      EXPECT_TRUE(online->Equals(offline->Slice(row, 1))) << name << " of row " << row;
    }
  }
}

TEST_F(ModelingTest, ADeployedModelStaysAsItWasDeployed) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  ASSERT_OK(DeployModel(*workspace, "big#1"));  // the same again is no new deployment
  EXPECT_EQ(CommittedRuns("deployment"), 1);
  Write("score.py", "def load(path): return None\ndef predict(model, table): return table\n");
  Reopen();
  const auto at = EventTimeOfMicros(1704542400000000);
  {
    PredictionService service(*workspace);
    ASSERT_OK_AND(const Prediction old, service.Predict("big#1", Request(), at));
    EXPECT_EQ(old.output, (json{{"score", 1.0}}));
    // The new script gives other columns than declared: what is deployed answers on.
    const Status refused = DeployModel(*workspace, "big#1");
    EXPECT_EQ(refused.error_code(), "WH5015");
    EXPECT_THAT(refused.message(), HasSubstr("\"big#1\" was not deployed"));
    ASSERT_OK_AND(const Prediction on, service.Predict("big", Request(), at));
    EXPECT_EQ(on.output, old.output);
  }
  EXPECT_EQ(CommittedRuns("deployment"), 1);
}

TEST_F(ModelingTest, AScriptThatCannotBeLoadedIsNotDeployed) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  const auto at = EventTimeOfMicros(1704542400000000);
  for (const char* line : {"import not_there\n", "def load(path): raise KeyError('weights')\n",
                           "def predict(model, table): return model['no such key']\n"}) {
    Write("score.py", ShopModelFile("score.py") + line);
    Reopen();
    const Status refused = DeployModel(*workspace, "big#1");
    EXPECT_EQ(refused.code(), Code::kInvalidInput) << line;
    EXPECT_THAT(refused.message(), HasSubstr("Error")) << line;
    PredictionService service(*workspace);
    ASSERT_OK_AND(const Prediction made, service.Predict("big", Request(), at));
    EXPECT_EQ(made.output, (json{{"score", 1.0}}));
  }
  EXPECT_EQ(CommittedRuns("deployment"), 1);
}

TEST_F(ModelingTest, PredictionsThatWaitTogetherShareACommit) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  PredictionService service(*workspace);
  const auto at = EventTimeOfMicros(1704542400000000);
  ASSERT_OK(service.Predict("big", Request(), at));
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::set<std::string> ids;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 10; ++k) {
        const auto prediction = service.Predict("big", Request(30 + i * 5), at);
        const std::lock_guard lock(mutex);
        EXPECT_OK(prediction);
        if (!prediction.ok()) continue;
        EXPECT_EQ(prediction->output["score"], 30 + i * 5 > 50 ? 1.0 : 0.0);
        ids.insert(prediction->id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), 80U);
  EXPECT_EQ(workspace->catalog().Predictions(1000).value().size(), 81U);
  EXPECT_LE(CommittedRuns("prediction"), 81);
}

TEST_F(ModelingTest, RequestsThatCannotBeServedSayWhy) {
  PredictionService service(*workspace);
  EXPECT_EQ(service.Predict("big", Request(), std::nullopt).status().error_code(), "WH5023");
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  EXPECT_EQ(service.Predict("big#2", Request(), std::nullopt).status().error_code(), "WH5023");
  json request = Request();
  request["shopp"] = "a";
  EXPECT_EQ(service.Predict("big", request, std::nullopt).status().error_code(), "WH4016");
  request = Request();
  request.erase("amount");
  EXPECT_EQ(service.Predict("big", request, std::nullopt).status().error_code(), "WH4017");
  request["amount"] = "many";
  EXPECT_EQ(service.Predict("big", request, std::nullopt).status().error_code(), "WH4013");
  EXPECT_EQ(DeployModel(*workspace, "big#7").code(), Code::kNotFound);
  EXPECT_EQ(DeployModel(*workspace, "big").error_code(), "WH5020");
  EXPECT_TRUE(workspace->catalog().Predictions(10).value().empty());
}

TEST_F(ModelingTest, WithoutTheViewsOfItsTrainingNothingIsServed) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  for (const char* path : {"features/more.yaml", "training_sets/big_v1.yaml", "models/big.yaml"})
    std::filesystem::remove(scratch / path);
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  PredictionService service(*workspace);
  const Status status = service.Predict("big", Request(), std::nullopt).status();
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_EQ(status.error_code(), "WH5024");
  EXPECT_EQ(status.message(),
            "\"big#1\" was trained on the view \"order_request@1\", which the project no longer "
            "defines");
  EXPECT_THAT(status.hint(), HasSubstr("restore the view's definition"));
}

TEST_F(ModelingTest, RecordsThatCannotBeReadAreNamed) {
  Build();
  Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  const auto damage = [&](const std::string& kind, const std::string& key, const std::string& to) {
    ASSERT_OK_AND(const auto catalog,
                  platform::Sqlite::Open(scratch / ".weirhouse/catalog.db", /*read_only=*/false));
    ASSERT_OK(catalog->Run("UPDATE node SET record = json_set(record, '$.' || ?, ?) WHERE kind = ?",
                           {key, to, kind}));
  };
  damage("deployment", "views", "none");
  PredictionService service(*workspace);
  const Status deployed = service.Predict("big", Request(), std::nullopt).status();
  EXPECT_EQ(deployed.code(), Code::kCorruption);
  EXPECT_EQ(deployed.error_code(), "WH5025");
  EXPECT_THAT(deployed.message(),
              HasSubstr("the catalog's record of a deployment of \"big#1\" cannot be read: "));
  EXPECT_THAT(deployed.hint(), HasSubstr("`wh verify`"));
  damage("training_set", "content", "zz");
  const Status set = Reproduce(*workspace, "big_v1#1", "", nullptr, NoProgress()).status();
  EXPECT_EQ(set.error_code(), "WH5025");
  EXPECT_EQ(set.message(),
            "the catalog's record of a training set of \"big_v1\" cannot be read: not a digest "
            "under \"content\"");
}

TEST_F(ModelingTest, DamagedArtifactsAreNotServed) {
  Build();
  const ModelTrained trained = Train();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  const std::string stored = trained.folder + "/model.json";
  std::filesystem::permissions(stored, std::filesystem::perms(0644));
  weirhouse::testing::WriteFile(stored, "{}");
  PredictionService service(*workspace);
  EXPECT_EQ(service.Predict("big", Request(), std::nullopt).status().error_code(), "WH5027");
}

TEST_F(ModelingTest, ScikitLearnTrainsAndScores) {
  Write("train.py", R"(
import joblib, weirhouse as wh
from sklearn import ensemble, metrics
job = wh.current_job()
train, test = job.training_set.split("train"), job.training_set.split("test")
m = ensemble.HistGradientBoostingClassifier(max_depth=2, random_state=7, min_samples_leaf=2).fit(
    train.features.to_pandas(), train.label.to_numpy())
job.metric("accuracy", metrics.accuracy_score(test.label.to_numpy(), m.predict(test.features.to_pandas())))
joblib.dump(m, job.path("model.joblib"))
)");
  Write("score.py", R"(
import joblib, pyarrow
def load(path): return joblib.load(f"{path}/model.joblib")
def predict(model, table):
    return pyarrow.table({"score": model.predict_proba(table.to_pandas())[:, 1]})
)");
  Reopen();
  Build();
  const ModelTrained trained = Train();
  EXPECT_GE(trained.metrics.at("accuracy"), 0.6);
  EXPECT_TRUE(Train().repeated);  // to the byte
  ASSERT_OK(DeployModel(*workspace, trained.id));
  PredictionService service(*workspace);
  ASSERT_OK_AND(const Prediction high, service.Predict("big", Request(95), std::nullopt));
  ASSERT_OK_AND(const Prediction low, service.Predict("big", Request(5), std::nullopt));
  EXPECT_GT(high.output["score"].get<double>(), low.output["score"].get<double>());
}
}  // namespace
}  // namespace weirhouse::work
