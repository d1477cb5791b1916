#include "ground/base/writers/retry.h"

#include <gtest/gtest.h>

namespace weirhouse {
namespace {
Status Conflict() { return Status(Code::kConflict, "another writer won"); }

TEST(Retry, EndsWithTheFirstOutcomeThatIsNoConflict) {
  int made = 0;
  const Result<int> outcome = WithRetries(kWhileWritersWin, [&]() -> Result<int> {
    if (++made < 3) return Conflict();
    return made;
  });
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(*outcome, 3);
  EXPECT_EQ(made, 3);
}

TEST(Retry, AnswersWithTheLastConflictWhenAttemptsRunOut) {
  int made = 0;
  const Status outcome = WithRetries(kWhileWritersWin, [&] {
    ++made;
    return Conflict();
  });
  EXPECT_EQ(outcome.code(), Code::kConflict);
  EXPECT_EQ(made, kWhileWritersWin.attempts_max);
}

TEST(Retry, LeavesOtherFailuresToTheCaller) {
  int made = 0;
  const Status outcome = WithRetries(kWhileWritersWin, [&] {
    ++made;
    return Status(Code::kUnavailable, "the disk is full");
  });
  EXPECT_EQ(outcome.code(), Code::kUnavailable);
  EXPECT_EQ(made, 1);
}
}  // namespace
}  // namespace weirhouse
