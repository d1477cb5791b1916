#include "rules/model/train.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::model {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

std::string Python() { return testing::SourceFolder() + "/.deps/venv/bin/python"; }

constexpr char kTrain[] = R"(
import joblib, weirhouse as wh
from sklearn import ensemble, metrics
job = wh.current_job()
train, test = job.training_set.split("train"), job.training_set.split("test")
print("rows", len(train), len(test))
m = ensemble.HistGradientBoostingClassifier(max_depth=job.params["max_depth"], random_state=job.params["seed"]).fit(train.features.to_pandas(), train.label.to_numpy())
job.metric("roc_auc", metrics.roc_auc_score(test.label.to_numpy(), m.predict_proba(test.features.to_pandas())[:, 1]))
joblib.dump(m, job.path("model.joblib"))
)";

// 400 rows of two features, one of them with gaps, and a label that follows the first.
std::string WriteTrainingSet(const ScratchFolder& folder) {
  arrow::FieldVector fields = {
      arrow::field("x", arrow::float64()), arrow::field("n", arrow::int64()),
      arrow::field("late", arrow::boolean()), arrow::field("split", arrow::utf8())};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    fields[i] = fields[i]->WithMetadata(
        arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(i + 1)}));
  }
  std::string rows = "[";
  for (int i = 0; i < 400; ++i) {
    const int x = (i * 7919) % 100;
    rows += fmt::format(R"({}{{"x":{},"n":{},"late":{},"split":"{}"}})", i == 0 ? "" : ",", x,
                        i % 5 == 0 ? "null" : std::to_string(i % 13), x + i % 17 > 60,
                        i % 4 == 0 ? "test" : "train");
  }
  const auto table = weirhouse::testing::TableOf(arrow::schema(fields), rows + "]");
  const std::string path = folder / "set.parquet";
  EXPECT_OK(platform::WriteParquet(platform::LocalStore(), path, *table));
  return path;
}

TrainingJob JobOf(const ScratchFolder& folder, const std::string& script) {
  WriteFile(folder / "project/train.py", script);
  TrainingJob job;
  job.definition.name = "late";
  job.definition.training_set = "late_v1";
  job.definition.command = {"python", "train.py"};
  job.definition.params = {{"max_depth", 3}, {"seed", 7}};
  job.definition.metrics = {{"roc_auc", 0.65, std::nullopt}};
  job.project_folder = folder / "project";
  job.training_set = {"late_v1#1", folder / "set.parquet", "split", {"x", "n"},
                      "late",      Sha256Of("content")};
  job.output_folder = folder / "job";
  job.python = Python();
  job.timeout = std::chrono::seconds(60);
  return job;
}

TEST(RunTraining, TrainsARealModelAndGivesTheSameBytesAgain) {
  ScratchFolder folder;
  WriteTrainingSet(folder);
  TrainingJob job = JobOf(folder, kTrain);
  std::vector<std::string> lines;
  job.on_line = [&lines](std::string_view line) { lines.emplace_back(line); };
  ASSERT_OK_AND(TrainingOutcome first, RunTraining(platform::LocalStore(), job));
  EXPECT_THAT(lines, ElementsAre("rows 300 100"));
  EXPECT_GT(first.metrics.at("roc_auc"), 0.9);
  ASSERT_EQ(first.artifacts.size(), 1u);
  EXPECT_EQ(first.artifacts[0].name, "model.joblib");
  EXPECT_EQ(first.artifacts[0].digest, Sha256Of(ReadFile(folder / "job/model/model.joblib")));
  EXPECT_EQ(first.environment["variables"]["OMP_NUM_THREADS"], "1");
  EXPECT_TRUE(first.environment["packages"].contains("scikit-learn"));
  EXPECT_EQ(first.environment["scripts"]["train.py"], Sha256Of(kTrain).ToHex());

  job.output_folder = folder / "elsewhere";  // the place must not show in the bytes
  ASSERT_OK_AND(TrainingOutcome second, RunTraining(platform::LocalStore(), job));
  EXPECT_EQ(first.model_digest, second.model_digest);
  job.parameters = {{"max_depth", 2}, {"seed", 7}};
  ASSERT_OK_AND(TrainingOutcome other,
                RunTraining(platform::LocalStore(), job));  // a second attempt
  EXPECT_NE(first.model_digest, other.model_digest);
}

// Scripts that need no rows leave pyarrow alone: quick.
constexpr char kQuick[] = R"(
import weirhouse as wh
job = wh.current_job()
job.metric("roc_auc", 0.5)
open(job.path("b/model.bin"), "w").write("b")
open(job.path("a.bin"), "w").write("a")
)";

TEST(RunTraining, FailsTheGateBelowTheMinimumAndKeepsTheMetrics) {
  ScratchFolder folder;
  const Status status = RunTraining(platform::LocalStore(), JobOf(folder, kQuick)).status();
  EXPECT_EQ(status.code(), Code::kGateFailed);
  EXPECT_EQ(status.error_code(), "WH5005");
  EXPECT_THAT(status.message(), HasSubstr("roc_auc is 0.5, below min 0.65"));
  ASSERT_OK_AND(auto metrics, ReadMetrics(platform::LocalStore(), folder / "job"));
  EXPECT_EQ(metrics.at("roc_auc"), 0.5);
}

TEST(RunTraining, ListsArtifactsByNameWithTheirDigests) {
  ScratchFolder folder;
  TrainingJob job = JobOf(folder, kQuick);
  job.definition.metrics.clear();
  ASSERT_OK_AND(TrainingOutcome outcome, RunTraining(platform::LocalStore(), job));
  ASSERT_EQ(outcome.artifacts.size(), 2u);
  EXPECT_EQ(outcome.artifacts[0].name, "a.bin");
  EXPECT_EQ(outcome.artifacts[1].name, "b/model.bin");
  EXPECT_EQ(outcome.artifacts[1].size_bytes, 1);
  EXPECT_EQ(outcome.artifacts[1].digest, Sha256Of("b"));
}

TEST(RunTraining, ShowsTheLastLinesOfACommandThatFails) {
  ScratchFolder folder;
  const Status status =
      RunTraining(platform::LocalStore(), JobOf(folder, "raise ValueError('no rows today')"))
          .status();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH5002");
  EXPECT_THAT(status.message(), HasSubstr("ValueError: no rows today"));
  EXPECT_THAT(status.hint(), HasSubstr("train.log"));
}

TEST(RunTraining, StopsACommandThatHangs) {
  ScratchFolder folder;
  TrainingJob job = JobOf(folder, "import time; time.sleep(60)");
  job.timeout = std::chrono::milliseconds(500);
  EXPECT_EQ(RunTraining(platform::LocalStore(), job).status().error_code(), "WH5003");
}

TEST(RunTraining, RefusesATrainingWithoutArtifactsOrWithLinks) {
  ScratchFolder folder;
  TrainingJob job = JobOf(folder, "import weirhouse as wh; wh.current_job().metric('roc_auc', 1)");
  EXPECT_EQ(RunTraining(platform::LocalStore(), job).status().error_code(), "WH5004");
  job = JobOf(folder,
              "import os, weirhouse as wh; os.symlink('/etc/passwd', wh.current_job().path('m'))");
  EXPECT_EQ(RunTraining(platform::LocalStore(), job).status().error_code(), "WH5004");
}

TEST(RunTraining, RefusesMetricsThatAreNoNumbers) {
  ScratchFolder folder;
  for (const char* text : {"[1]", "{", "{\"roc_auc\": \"high\"}"}) {
    TrainingJob job = JobOf(folder, fmt::format("import os; d = os.environ['WEIRHOUSE_JOB']; "
                                                "open(d + '/model/m', 'w').write('m'); "
                                                "open(d + '/metrics.json', 'w').write('''{}''')",
                                                text));
    EXPECT_EQ(RunTraining(platform::LocalStore(), job).status().error_code(), "WH5006") << text;
  }
}

TEST(RunTraining, NeverClearsAFolderThatIsNotAJobs) {
  ScratchFolder folder;
  WriteFile(folder / "job/precious.txt", "mine");
  EXPECT_EQ(RunTraining(platform::LocalStore(), JobOf(folder, kQuick)).status().error_code(),
            "WH5004");
  EXPECT_EQ(ReadFile(folder / "job/precious.txt"), "mine");
}

TEST(RunTraining, GoesOnInTheFolderOfAnAttemptThatAnyCallEnded) {
  ScratchFolder folder;
  WriteTrainingSet(folder);
  TrainingJob job = JobOf(folder, kQuick);
  job.definition.metrics.clear();
  for (int fail_at = 1;; ++fail_at) {
    ASSERT_LT(fail_at, 20);
    platform::FaultyStore store(platform::LocalStore(), fail_at, Code::kUnavailable);
    const Status status = RunTraining(store, job).status();
    if (status.ok()) break;
    ASSERT_TRUE(store.fault_fired()) << status.message();
    EXPECT_EQ(status.code(), Code::kUnavailable) << fail_at << ": " << status.message();
  }
}

TEST(RunTraining, NamesAnInterpreterThatIsNotThere) {
  ScratchFolder folder;
  TrainingJob job = JobOf(folder, kQuick);
  job.python = folder / "no-python";
  const Status status = RunTraining(platform::LocalStore(), job).status();
  EXPECT_EQ(status.error_code(), "WH5007");
  EXPECT_THAT(status.hint(), HasSubstr("WEIRHOUSE_PYTHON"));
}

TEST(JudgeMetrics, HoldsEachBoundAtItsEnd) {
  const std::vector<MetricBound> bounds = {{"auc", 0.65, std::nullopt}, {"loss", 0.0, 1.0}};
  EXPECT_OK(JudgeMetrics("m", bounds, {{"auc", 0.65}, {"loss", 1.0}}));
  EXPECT_EQ(JudgeMetrics("m", bounds, {{"auc", 0.6499}, {"loss", 1.0}}).code(), Code::kGateFailed);
  const Status both = JudgeMetrics("m", bounds, {{"loss", 1.5}});
  EXPECT_THAT(both.message(), HasSubstr("auc was not reported; loss is 1.5, above max 1"));
  EXPECT_EQ(JudgeMetrics("m", bounds, {{"auc", std::nan("")}, {"loss", 0}}).code(),
            Code::kGateFailed);
}

TEST(ModelDigest, DependsOnNamesAndContentsNotOnTheirOrder) {
  const Artifact a{"a", Sha256Of("1"), 1};
  const Artifact b{"b", Sha256Of("2"), 1};
  EXPECT_EQ(ModelDigest({a, b}), ModelDigest({b, a}));
  EXPECT_NE(ModelDigest({a, b}), ModelDigest({{"a", b.digest, 1}, {"b", a.digest, 1}}));
}
}  // namespace
}  // namespace weirhouse::model
