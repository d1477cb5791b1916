#include "work/workspace/project_applied.h"

#include "ground/catalog/settings.h"
#include "testing/projects/shop_fixture.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/applied.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using ::testing::HasSubstr;

struct OpenAsAppliedTest : ShopTest {
  Draft draft;

  void SetUp() override {
    ShopTest::SetUp();
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
  }
  std::unique_ptr<Workspace> Open() {
    const auto files = LoadProjectFiles(scratch.path().string(), "");
    EXPECT_TRUE(files.ok()) << files.status().ToString();
    auto opened = OpenAsApplied(*files, Access::kRead, &draft);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return std::move(opened).value();
  }
};

TEST_F(OpenAsAppliedTest, TakesTheFilesWhereTheySayWhatWasApplied) {
  EXPECT_EQ(Open()->project().code, workspace->project().code);
  EXPECT_FALSE(draft.any());
  EXPECT_EQ(draft.Story(), "");
}

TEST_F(OpenAsAppliedTest, WorksByWhatWasAppliedWhereAFileIsGone) {
  std::filesystem::remove(scratch / "gates/order.yaml");
  const auto opened = Open();
  EXPECT_EQ(opened->project().gates.size(), workspace->project().gates.size());
  EXPECT_EQ(draft.differs.error_code(), "WH2020");
  EXPECT_EQ(draft.Story(), "gates/order.yaml");
  EXPECT_OK(RequireApplied(*opened));
}

TEST_F(OpenAsAppliedTest, WorksByWhatWasAppliedWhereAFileHasAnError) {
  Write("gates/order.yaml", "gate: [\n");
  const auto opened = Open();
  EXPECT_EQ(opened->project().gates.size(), workspace->project().gates.size());
  EXPECT_FALSE(draft.refused.ok());
  EXPECT_NE(draft.Story().find("gates/order.yaml"), std::string::npos);
}

TEST_F(OpenAsAppliedTest, SeedsAreThoseThatWereApplied) {
  Write("seeds/shops.csv", "shop,city\na,Bergen\nb,Rome\nc,Nice\n");
  const auto opened = Open();
  EXPECT_EQ(opened->project().seeds.at(0).rows->num_rows(), 2);
  EXPECT_EQ(draft.Story(), "seeds/shops.csv");
}

TEST_F(OpenAsAppliedTest, WhomAnEventIsToldIsAsTheFileSays) {
  const std::string alerts = "alerts: [{ when: gate_failed, command: [cat] }]\n";
  Write("weirhouse.yaml", ShopFile("weirhouse.yaml") + alerts);
  EXPECT_EQ(Open()->project().alerts.size(), 1);
  EXPECT_FALSE(draft.any()) << "apply registers no alerts";
  std::filesystem::remove(scratch / "gates/order.yaml");
  const auto opened = Open();
  EXPECT_TRUE(draft.any());
  EXPECT_EQ(opened->project().alerts.size(), 1);
  EXPECT_EQ(opened->project().gates.size(), workspace->project().gates.size());
}

TEST_F(OpenAsAppliedTest, TheSameStateCanBeWorkedByOtherDefinitions) {
  std::filesystem::remove(scratch / "gates/order.yaml");
  ASSERT_OK_AND(auto files, LoadProject(scratch.path().string(), ""));
  const std::unique_ptr<Workspace> other = workspace->With(files);
  EXPECT_EQ(RequireApplied(*other).error_code(), "WH2020");
  bool registered = false;
  const auto note = [&] { registered = RequireApplied(*other).ok(); };
  ASSERT_OK(Apply(*other, "", NoProgress(), note));
  EXPECT_TRUE(registered);
  EXPECT_EQ(RequireApplied(*workspace).error_code(), "WH2020");
}

TEST_F(OpenAsAppliedTest, CodeThatCannotBeReadIsNamedWhereItIsNeeded) {
  ASSERT_OK_AND(const auto key, catalog::setting::AppliedCode().In(workspace->catalog()));
  const std::string path = fmt::format("{}/code/{}.json", workspace->lake(), *key);
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  weirhouse::testing::WriteFile(path, "{");
  std::filesystem::remove(scratch / "gates/order.yaml");
  ASSERT_OK_AND(const auto files, LoadProjectFiles(scratch.path().string(), ""));
  ASSERT_OK(OpenAsApplied(files, Access::kRead, &draft));  // by the files, for who mends it
  EXPECT_THAT(draft.Damage().hint(), HasSubstr("restore the files as they were applied"));
  const Status status = draft.lost;
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.error_code(), "WH2024");
  EXPECT_THAT(status.message(), HasSubstr("stored code cannot be read: " + path));
  EXPECT_THAT(status.hint(), HasSubstr("`wh verify --deep`"));
}

using FreshProjectTest = ShopTest;
TEST_F(FreshProjectTest, TooManyFilesOfCodeAreRefused) {
  Write("train.py", "import copies\n");
  constexpr int kTooMany = 10'000;
  for (int i = 0; i < kTooMany; ++i) Write(fmt::format("copies/m{}.py", i), "");
  const Status status = LoadProject(scratch.path().string(), "").status();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH2033");
  EXPECT_EQ(status.message(), "more than 10000 definition files: " + scratch.path().string());
  EXPECT_THAT(status.hint(), HasSubstr("\"copies/m"));
  EXPECT_THAT(status.hint(), HasSubstr("is one too many"));
}

TEST_F(FreshProjectTest, IsWorkedByItsFiles) {
  std::filesystem::remove(scratch / "gates/order.yaml");
  ASSERT_OK_AND(const ProjectFiles files, LoadProjectFiles(scratch.path().string(), ""));
  Draft draft;
  ASSERT_OK_AND(const auto opened, OpenAsApplied(files, Access::kRead, &draft));
  EXPECT_TRUE(opened->project().gates.empty());
  EXPECT_FALSE(draft.any());
}
}  // namespace
}  // namespace weirhouse::work
