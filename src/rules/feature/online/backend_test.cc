#include "rules/feature/online/backend.h"

#include "rules/feature/online/backend_conformance.h"
#include "rules/feature/online/online_drivers_test.h"
#include "rules/feature/online/online_store.h"
#include "rules/feature/oracle/sample_rows_test.h"

namespace weirhouse::feature {
namespace {
INSTANTIATE_TEST_SUITE_P(Drivers, OnlineBackendConformance, ::testing::ValuesIn(OnlineDrivers()),
                         DriverName);

// A backend without snapshots that is written to while it is read.
TEST(AtOneMoment, AsksAgainWhereTheStateHasGone) {
  MemoryRows rows(MemoryRows::Moments::kGone);
  ASSERT_OK_AND(const auto online, OnlineStore::Open(std::make_unique<MemoryBackend>(rows)));
  const ViewPlan plan = PlanOf(
      "{ feature_view: v, entity: { name: string }, source: processed.x, event_time: at, "
      "known_time: kn, features: { x: latest } }",
      {ValueType::kInt64});
  const auto apply = [&](std::int64_t seq) {
    const auto table = SampleTable(plan, {{"a", "1", 10, 10 + seq, false, {Value(seq)}}});
    const std::vector<OnlineChange> changes = {{&plan, table, {}}};
    EXPECT_OK(online->Apply(changes, CommitSeq(seq), 1000));
  };
  apply(1);
  int asked = 0;
  const auto answer = online->AtOneMoment([&](const OnlineState& state) {
    if (++asked < 3) apply(asked + 1);
    return state.Get(plan, std::vector<Value>{Value(std::string("a"))}, 50, 50);
  });
  ASSERT_OK(answer);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(answer->values[0].value, Value(std::int64_t{3}));
  EXPECT_EQ(answer->seq, CommitSeq(3)) << "the value and the commit are of one state";

  asked = 0;
  const auto never = online->AtOneMoment([&](const OnlineState& state) {
    apply(100 + ++asked);
    return state.Get(plan, std::vector<Value>{Value(std::string("a"))}, 500, 500);
  });
  EXPECT_EQ(never.status().code(), Code::kConflict);
  EXPECT_EQ(asked, 8);
}
}  // namespace
}  // namespace weirhouse::feature
