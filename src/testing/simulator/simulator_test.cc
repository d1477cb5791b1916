// Lives of a pipeline, and that the simulator finds what is planted.
#include <cstdlib>
#include <set>

#include "testing/simulator/life.h"
#include "testing/testing.h"

namespace weirhouse::simulator {
namespace {

std::string Told(const LifeReport& report) {
  std::string text;
  for (const std::string& step : report.steps) text += step + "\n";
  return text + *report.violation + "\nreplay: tools/simulate --seed " +
         std::to_string(report.seed);
}

TEST(Simulator, LivesOfAPipelineLoseNothingAndCountNothingTwice) {
  Stage stage;
  LifeReport all;
  const int lives = weirhouse::testing::kUnderSanitizer ? 20 : 200;
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(lives); ++seed) {
    const LifeReport report = Live(stage, seed);
    ASSERT_FALSE(report.violation) << Told(report);
    all.faults += report.faults;
    all.kills += report.kills;
    all.power_losses += report.power_losses;
    all.halts += report.halts;
    all.decisions += report.decisions;
  }
  // What the lives are for is reached by them.
  EXPECT_GT(all.faults, lives);
  EXPECT_GT(all.kills, lives / 8);
  EXPECT_GT(all.power_losses, lives / 8);
  EXPECT_GT(all.halts, lives / 20);
  EXPECT_GT(all.decisions, lives / 20);
}

TEST(Simulator, ASeedIsTheSameLifeEachTime) {
  for (std::uint64_t seed = 1000; seed < 1006; ++seed) {
    Stage first;
    Stage second;
    const LifeReport once = Live(first, seed);
    const LifeReport again = Live(second, seed);
    EXPECT_EQ(once.steps, again.steps) << seed;
    EXPECT_EQ(once.calls, again.calls) << seed;
    EXPECT_EQ(once.digest, again.digest) << seed;
    EXPECT_FALSE(once.digest.empty());
  }
}

class Planted : public ::testing::TestWithParam<PlantName> {};

TEST_P(Planted, IsFoundWithinAHundredLives) {
  Stage stage;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const LifeReport report = Live(stage, seed, GetParam().plant);
    if (!report.violation) continue;
    RecordProperty("lives", static_cast<int>(seed));
    RecordProperty("violation", *report.violation);
    return;
  }
  FAIL() << "a hundred lives did not show it";
}
INSTANTIATE_TEST_SUITE_P(Simulator, Planted,
                         ::testing::ValuesIn(PlantNames().begin(), PlantNames().end()),
                         [](const auto& one) { return std::string(one.param.name); });
}  // namespace
}  // namespace weirhouse::simulator
