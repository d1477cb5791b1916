#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {
using std::chrono::microseconds;

TEST_P(CatalogConformance, EventsAreBookedOnceForThoseWhoGetThem) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  CommitRequest request = SwapOf(run, "processed.a", std::nullopt, "a1");
  for (const char* subject : {"first", "second", "third"}) {
    request.events.push_back({0, "type", subject, {{"n", 1}}, {}, 0, "pending"});
  }
  ASSERT_OK(catalog_->Commit(request));
  const auto pending = ValueOf(catalog_->PendingEvents(2));
  ASSERT_EQ(pending.size(), 2U);
  EXPECT_EQ(pending[0].subject, "first");
  EXPECT_EQ(pending[0].seq, CommitSeq(1));

  Delivery owed;
  owed.event = pending[1].id;
  owed.target = "x";
  ASSERT_OK(catalog_->RouteEvents(pending[1].id, {owed}));
  Reopen();
  const auto later = ValueOf(catalog_->PendingEvents(10));
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].subject, "third");
  using Counts = std::vector<std::pair<std::string, std::int64_t>>;
  // Nobody gets the first: it is done with.
  EXPECT_EQ(ValueOf(catalog_->EventCounts()), (Counts{{"pending", 2}, {"sent", 1}}));
  // Routing it again changes nothing.
  owed.tries = 7;
  ASSERT_OK(catalog_->RouteEvents(0, {owed}));
  EXPECT_EQ(ValueOf(catalog_->Deliveries("pending", false, 10)).at(0).tries, 0);
  EXPECT_EQ(ValueOf(catalog_->FindEvent(pending[1].id))->subject, "second");
  EXPECT_FALSE(ValueOf(catalog_->FindEvent(99)).has_value());
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ADeliveryKeepsItsStateForEachTarget) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  CommitRequest request = SwapOf(run, "processed.a", std::nullopt, "a1");
  request.events.push_back({0, "type", "first", {{"n", 1}}, {}, 0, "pending"});
  ASSERT_OK(catalog_->Commit(request));
  const std::int64_t event = ValueOf(catalog_->PendingEvents(1)).at(0).id;
  Delivery to_x;
  to_x.event = event;
  to_x.target = "x";
  Delivery to_y = to_x;
  to_y.target = "y";
  ASSERT_OK(catalog_->RouteEvents(event, {to_x, to_y}));
  EXPECT_EQ(ValueOf(catalog_->WaitingTargets()), (std::vector<std::string>{"x", "y"}));

  to_x.state = "delivered";
  to_x.tries = 1;
  ASSERT_OK(catalog_->NoteDelivery(to_x));
  to_y.tries = 4;
  to_y.next_try = clock_.Now() + std::chrono::minutes(5);
  to_y.error = "exited with 1";
  ASSERT_OK(catalog_->NoteDelivery(to_y));
  Reopen();
  using Counts = std::vector<std::pair<std::string, std::int64_t>>;
  EXPECT_EQ(ValueOf(catalog_->EventCounts()), (Counts{{"pending", 1}}));
  const microseconds longest = std::chrono::minutes(12);
  EXPECT_FALSE(ValueOf(catalog_->DueDelivery("x", clock_.Now(), longest)).has_value());
  EXPECT_FALSE(ValueOf(catalog_->DueDelivery("y", clock_.Now(), longest)).has_value());
  EXPECT_EQ(ValueOf(catalog_->NextTry("y")), to_y.next_try);
  EXPECT_FALSE(ValueOf(catalog_->NextTry("x")).has_value());
  const auto due = ValueOf(catalog_->DueDelivery("y", to_y.next_try, longest));
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(due->tries, 4);
  EXPECT_EQ(due->error, "exited with 1");

  to_y.state = "given_up";
  ASSERT_OK(catalog_->NoteDelivery(to_y));
  EXPECT_EQ(ValueOf(catalog_->EventCounts()), (Counts{{"dead", 1}}));
  const auto open = ValueOf(catalog_->OpenDeliveries());
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].target + " " + open[0].state, "y given_up");
  to_y.event = 99;
  EXPECT_EQ(catalog_->NoteDelivery(to_y).error_code(), "WH7086");
}

TEST_P(CatalogConformance, ADeliveryIsDueWhenTheClockWentBack) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  CommitRequest request = SwapOf(run, "processed.a", std::nullopt, "a1");
  request.events.push_back({0, "type", "first", {{"n", 1}}, {}, 0, "pending"});
  ASSERT_OK(catalog_->Commit(request));
  Delivery owed;
  owed.event = ValueOf(catalog_->PendingEvents(1)).at(0).id;
  owed.target = "x";
  ASSERT_OK(catalog_->RouteEvents(owed.event, {owed}));
  owed.tries = 1;
  owed.next_try = clock_.Now() + std::chrono::hours(24 * 365);
  ASSERT_OK(catalog_->NoteDelivery(owed));
  EXPECT_TRUE(
      ValueOf(catalog_->DueDelivery("x", clock_.Now(), std::chrono::minutes(12))).has_value());
}

TEST_P(CatalogConformance, OfTwoThatClaimToWriteTheFirstIsRefused) {
  const auto older = ValueOf(place_->OpenClaimed(clock_));
  const auto planned = ValueOf(older->PlanRun(PlanOf("day1")));
  const auto newer = ValueOf(place_->OpenClaimed(clock_));
  EXPECT_EQ(older->Commit(SwapOf(planned, "processed.a", std::nullopt, "a1")).status().error_code(),
            "WH7100");
  EXPECT_EQ(older->PlanRun(PlanOf("day2")).status().error_code(), "WH7100");
  const auto resumed = ValueOf(newer->PlanRun(PlanOf("day1")));
  EXPECT_EQ(resumed.id, planned.id);
  EXPECT_OK(newer->Commit(SwapOf(resumed, "processed.a", std::nullopt, "a1")));
  // Who claims nothing is not asked.
  EXPECT_OK(catalog_->PlanRun(PlanOf("day3")));
  EXPECT_OK(newer->VerifyChain());
}
}  // namespace
}  // namespace weirhouse::catalog
