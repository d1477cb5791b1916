// What a run tells of landed files that it did not take in.
#include "engine/raw_step.h"

#include "engine/shop_fixture.h"

namespace weirhouse::engine {
namespace {
using ::testing::HasSubstr;

struct RawStepTest : ShopTest {
  // Lands what waits, after `meanwhile` has happened to the file.
  RunSummary LandAfter(const std::function<void(const std::string&)>& meanwhile) {
    RunSummary summary;
    const std::string at = "2024-01-01T01:00:00Z";
    Land("2024-01-01.jsonl", Order("o1", 1, at, at));
    const auto waiting = ListWaiting(*workspace);
    EXPECT_OK(waiting);
    if (!waiting.ok()) return summary;
    EXPECT_EQ(waiting->files, 1);
    meanwhile(scratch / "landing/order/2024-01-01.jsonl");
    for (const WaitingBatch& batch : waiting->batches)
      EXPECT_OK(LandBatch(*workspace, batch, summary));
    EXPECT_EQ(summary.objects, 0);
    return summary;
  }
};

TEST_F(RawStepTest, AFileThatIsGoneBeforeItIsReadIsTold) {
  const RunSummary summary =
      LandAfter([](const std::string& path) { std::filesystem::remove(path); });
  ASSERT_EQ(summary.untaken_files.size(), 1u);
  EXPECT_THAT(summary.untaken_files.begin()->first, HasSubstr("2024-01-01.jsonl"));
  EXPECT_THAT(summary.untaken_files.begin()->second, HasSubstr("gone before it was read"));
}

TEST_F(RawStepTest, AFileThatChangesBeforeItIsReadIsTold) {
  const RunSummary summary = LandAfter(
      [](const std::string& path) { weirhouse::testing::WriteFile(path, "something else\n"); });
  ASSERT_EQ(summary.untaken_files.size(), 1u);
  EXPECT_THAT(summary.untaken_files.begin()->second, HasSubstr("the next look takes it whole"));
}
}  // namespace
}  // namespace weirhouse::engine
