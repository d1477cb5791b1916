// What reaches a training command beside its training set, and how it is made again.
#include <cstdlib>
#include <filesystem>

#include "testing/projects/shop_fixture.h"
#include "work/serving/predictions.h"
#include "work/training/modeling.h"
#include "work/training/modeling_record.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct ModelInputsTest : ShopTest {
  static void SetUpTestSuite() {
    const std::string python = testing::SourceFolder() + "/.deps/venv/bin/python";
    setenv("WEIRHOUSE_PYTHON", python.c_str(), /*overwrite=*/1);
  }
  // A model whose train.py ends with `lines`; `inputs` is a line of its definition.
  ModelTrained Train(const std::string& lines, const std::string& inputs = "") {
    AddModels();
    Write("models/big.yaml", ShopModelFile("models/big.yaml") + inputs);
    Write("train.py", ShopModelFile("train.py") + lines);
    Reopen();
    if (!workspace->FindTable("processed.order").value()) LandDays(6);
    EXPECT_OK(Apply(*workspace, "", NoProgress()));
    EXPECT_OK(BuildTrainingSet(*workspace, "big_v1", NoProgress()));
    const auto trained = TrainModel(*workspace, "big", nullptr, NoProgress());
    EXPECT_OK(trained);
    return trained.ok() ? *trained : ModelTrained();
  }
  Reproduction Again(const std::string& id = "big#1") {
    const auto again = Reproduce(*workspace, id, "", nullptr, NoProgress());
    EXPECT_OK(again);
    return again.ok() ? *again : Reproduction();
  }
  static std::vector<std::string> Names(const Reproduction& again) {
    std::vector<std::string> names;
    for (const Difference& one : again.differences) names.push_back(one.what);
    return names;
  }
};

TEST_F(ModelInputsTest, AMetricThatComesOutOtherwiseIsADifference) {
  Train("import os\njob.metric('noise', int.from_bytes(os.urandom(4), 'big'))\n");
  const Reproduction again = Again();
  EXPECT_FALSE(again.same);
  EXPECT_THAT(Names(again), Contains("metric noise"));
  EXPECT_EQ(again.metrics.count("noise"), 1U);
}

TEST_F(ModelInputsTest, AnUndeclaredFileIsNamedAndLeavesTheModelUnproven) {
  Write("../outside.txt", "1");
  const std::string outside = (scratch.path().parent_path() / "outside.txt").string();
  Train(fmt::format("open({:?}).read()\n", outside));
  const Reproduction again = Again();
  EXPECT_FALSE(again.same);
  EXPECT_THAT(Names(again), IsEmpty());  // the bytes are the same
  ASSERT_EQ(again.unproven.size(), 1U);
  EXPECT_THAT(again.unproven[0], HasSubstr("outside.txt was read"));
  std::filesystem::remove(outside);
}

TEST_F(ModelInputsTest, ADeclaredInputIsLaidOutAgainAndADifferenceOnceItChanged) {
  Write("data/zones.csv", "1\n");
  Write("data/more/a.csv", "2\n");
  Train("open(job.path('z'), 'w').write(open('data/zones.csv').read())\n", "inputs: [data]\n");
  ASSERT_OK_AND(const auto node,
                workspace->catalog().FindNode({catalog::NodeKind::kModel, "big#1"}));
  ASSERT_OK_AND(const ModelRecord record, ModelFromJson(node->node.record));
  EXPECT_EQ(record.inputs.count("data"), 1U);
  EXPECT_TRUE(Again().same) << json(Names(Again())) << json(Again().unproven);
  Write("data/more/a.csv", "3\n");
  const Reproduction changed = Again();
  EXPECT_FALSE(changed.same);
  EXPECT_THAT(Names(changed), ElementsAre("input data"));
  std::filesystem::remove_all(scratch / "data");
  EXPECT_THAT(Again().differences.at(0).found, HasSubstr("no such file or folder"));
}

TEST_F(ModelInputsTest, VariablesAreThoseOfTheFirstTime) {
  Train("import os\nopen(job.path('home'), 'w').write(os.environ['HOME'] + os.environ['PATH'])\n");
  const std::string home = getenv("HOME") == nullptr ? "" : getenv("HOME");
  const std::string path = getenv("PATH");
  setenv("HOME", "/nowhere", 1);
  setenv("PATH", ("/nowhere:" + path).c_str(), 1);
  const Reproduction again = Again();
  setenv("HOME", home.c_str(), 1);
  setenv("PATH", path.c_str(), 1);
  EXPECT_TRUE(again.same) << json(Names(again)) << json(again.unproven);
}

// An interpreter of its own, beside the packages of the usual one, into which `foo` is put.
struct LibraryTest : ModelInputsTest {
  void SetUp() override {
    ModelInputsTest::SetUp();
    usual = getenv("WEIRHOUSE_PYTHON");
    const std::string folder = scratch / "python";
    ASSERT_EQ(std::system(fmt::format("'{}' -m venv --without-pip '{}'", usual, folder).c_str()),
              0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().filename() == "site-packages") site = entry.path().string();
    }
    const auto packages = std::filesystem::path(site).lexically_relative(folder);
    const auto home = std::filesystem::path(usual).parent_path().parent_path();
    weirhouse::testing::WriteFile(
        site + "/usual.pth",
        fmt::format("import site; site.addsitedir('{}')\n", (home / packages).string()));
    setenv("WEIRHOUSE_PYTHON", (folder + "/bin/python").c_str(), 1);
  }
  void TearDown() override { setenv("WEIRHOUSE_PYTHON", usual.c_str(), 1); }
  void Install(const std::string& version, const std::string& value) {
    Remove();
    weirhouse::testing::WriteFile(
        fmt::format("{}/foo-{}.dist-info/METADATA", site, version),
        fmt::format("Metadata-Version: 2.1\nName: foo\nVersion: {}\n", version));
    weirhouse::testing::WriteFile(site + "/foo/__init__.py", "VALUE = '" + value + "'\n");
  }
  void Remove() {
    std::vector<std::filesystem::path> old;
    for (const auto& entry : std::filesystem::directory_iterator(site)) {
      if (entry.path().filename().string().rfind("foo", 0) == 0) old.push_back(entry.path());
    }
    for (const auto& path : old) std::filesystem::remove_all(path);
  }
  std::string usual;
  std::string site;
};

TEST_F(LibraryTest, AnotherVersionOfWhatTrainingImportedIsNamedWithBoth) {
  Install("1.0", "one");
  Train("import foo\nopen(job.path('value'), 'w').write(foo.VALUE)\n");
  Install("2.0", "two");
  const Reproduction other = Again();
  EXPECT_FALSE(other.same);
  ASSERT_THAT(Names(other), ElementsAre("package foo", "artifact value"));
  EXPECT_EQ(other.differences[0].recorded, "1.0");
  EXPECT_EQ(other.differences[0].found, "2.0");
  // The same version with other bytes; then none at all, which training itself fails for.
  Install("1.0", "won");
  ASSERT_THAT(Names(Again()), ElementsAre("files of installed foo", "artifact value"));
  Remove();
  const auto gone = Reproduce(*workspace, "big#1", "", nullptr, NoProgress());
  ASSERT_FALSE(gone.ok());
  EXPECT_THAT(gone.status().message(), HasSubstr("foo"));
}

TEST_F(ModelInputsTest, PackagesOfTheProjectAreItsCode) {
  Write("mylib/__init__.py", "");
  Write("mylib/deep/prep.py", "# coding: latin-1\n# \xe9t\xe9\nFACTOR = 1\n");
  Write("unused/other.py", "raise SystemExit(1)\n");
  Write("score.py", "");
  const std::string lines =
      "from mylib.deep.prep import FACTOR\n"
      "open(job.path('factor'), 'w').write(str(FACTOR))\n";
  Train(lines);
  EXPECT_EQ(workspace->project().files.count("mylib/deep/prep.py"), 1U);
  EXPECT_EQ(workspace->project().files.count("unused/other.py"), 0U);
  Write("score.py", ShopModelFile("score.py") + "from mylib.deep.prep import FACTOR\n");
  Reopen();
  ASSERT_OK(DeployModel(*workspace, "big#1"));
  Write("mylib/deep/prep.py", "FACTOR = 7\n");
  Reopen();
  PredictionService service(*workspace);
  ASSERT_OK(service.Predict("big", {{"shop", "a"}, {"at", "2024-01-06T12:00:00Z"}, {"amount", 80}},
                            EventTimeOfMicros(1704542400000000)));
  EXPECT_TRUE(Again().same) << json(Names(Again())) << json(Again().unproven);
  ASSERT_OK_AND(const ModelTrained second, TrainModel(*workspace, "big", nullptr, NoProgress()));
  EXPECT_EQ(second.id, "big#2");
  ASSERT_OK_AND(const auto one,
                workspace->catalog().FindNode({catalog::NodeKind::kModel, "big#1"}));
  ASSERT_OK_AND(const auto two,
                workspace->catalog().FindNode({catalog::NodeKind::kModel, "big#2"}));
  EXPECT_NE(one->node.record["code"], two->node.record["code"]);
  EXPECT_TRUE(Again("big#2").same);
}
}  // namespace
}  // namespace weirhouse::work
