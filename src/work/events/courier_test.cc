#include "work/events/courier.h"

#include <gmock/gmock.h>

#include <map>
#include <mutex>

#include "testing/projects/shop_fixture.h"
#include "work/events/scripted_target_test.h"
#include "work/events/subscriber.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A project with two commands, which are never run: targets of the test stand for them.
class CourierTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    Write("weirhouse.yaml",
          ShopFile("weirhouse.yaml") +
              "notify:\n"
              "  - { when: table_committed, table: processed.order, command: [one] }\n"
              "  - { when: table_committed, command: [two] }\n");
    Reopen();
    for (const Subscriber& subscriber : SubscribersOf(workspace->project()))
      scripts_[subscriber.argv.front()] = std::make_shared<Script>();
    ASSERT_EQ(scripts_.size(), 2u);
  }
  Script& one() { return *scripts_.at("one"); }
  Script& two() { return *scripts_.at("two"); }

  // One event that both want.
  void Happen(const std::string& batch) {
    StepInputs step;
    step.kind = catalog::RunKind::kExpiry;
    step.name = batch;
    catalog::CommitRequest request;
    request.plan = PlanOf(step);
    request.idempotency_key = request.plan->idempotency_key;
    request.layer = catalog::Layer::kMaintenance;
    catalog::OutboxEvent event;
    event.type = "weirhouse.table.committed";
    event.subject = "processed.order";
    event.data = {{"table", "processed.order"}, {"batch", batch}, {"rows_added", 1}};
    request.events.push_back(std::move(event));
    const std::lock_guard lock(mutex_);
    ASSERT_OK(workspace->catalog().Commit(request).status());
  }
  std::unique_ptr<Courier> Start(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    return Courier::Start(
        [this](const Courier::Body& body) {
          const std::lock_guard lock(mutex_);
          return body(*workspace);
        },
        [this](std::string_view line) {
          const std::lock_guard lock(said_mutex_);
          said_ += std::string(line) + "\n";
        },
        [this, limit](const Workspace&, const Subscriber& subscriber) {
          return std::make_unique<ScriptedTarget>(scripts_.at(subscriber.argv.front()), limit);
        });
  }
  static void Finish(Courier& courier) {
    courier.Finish(std::chrono::seconds(5), [] { return false; });
  }
  std::vector<catalog::Delivery> Of(const std::string& command) {
    std::vector<catalog::Delivery> found;
    for (const Subscriber& subscriber : SubscribersOf(workspace->project())) {
      if (subscriber.argv.front() != command) continue;
      const auto all = workspace->catalog().Deliveries("", /*newest_first=*/false, 100);
      EXPECT_OK(all.status());
      for (const catalog::Delivery& delivery : *all) {
        if (delivery.target == subscriber.id) found.push_back(delivery);
      }
    }
    return found;
  }

  std::mutex mutex_;  // of the workspace
  std::mutex said_mutex_;
  std::string said_;
  std::map<std::string, std::shared_ptr<Script>> scripts_;
};

TEST_F(CourierTest, DeliversToEachTargetInOrder) {
  for (const char* batch : {"b1", "b2", "b3"}) Happen(batch);
  const auto courier = Start();
  EXPECT_TRUE(one().WaitForTries(3));
  EXPECT_TRUE(two().WaitForTries(3));
  Finish(*courier);
  for (Script* script : {&one(), &two()}) {
    EXPECT_THAT(script->received(),
                ElementsAre(HasSubstr("\"b1\""), HasSubstr("\"b2\""), HasSubstr("\"b3\"")));
  }
  for (const catalog::Delivery& delivery : Of("one")) EXPECT_EQ(delivery.state, "delivered");
}

TEST_F(CourierTest, WhatFailedIsTriedAgainAndHoldsUpNoOtherTarget) {
  one().Then({RetryAt{"told to fail", {}}, false});
  Happen("b1");
  const auto courier = Start();
  EXPECT_TRUE(two().WaitForTries(1));
  EXPECT_TRUE(one().WaitForTries(2));
  Finish(*courier);
  EXPECT_EQ(one().received().size(), 1u);
  const auto deliveries = Of("one");
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].state, "delivered");
  EXPECT_EQ(deliveries[0].tries, 2);
  EXPECT_THAT(said_, HasSubstr("told to fail; it is tried again\n"));
  EXPECT_THAT(said_, HasSubstr("delivered again: notify 1"));
}

TEST_F(CourierTest, WhatIsDeadIsGivenUpAtOnceAndTheNextGoesOn) {
  one().Then({Dead{"it is gone"}, false});
  Happen("b1");
  Happen("b2");
  const auto courier = Start();
  EXPECT_TRUE(one().WaitForTries(2));
  Finish(*courier);
  const auto deliveries = Of("one");
  ASSERT_EQ(deliveries.size(), 2u);
  EXPECT_EQ(deliveries[0].state, "given_up");
  EXPECT_EQ(deliveries[0].tries, 1);
  EXPECT_EQ(deliveries[0].error, "it is gone");
  EXPECT_EQ(deliveries[1].state, "delivered");
  EXPECT_THAT(said_, HasSubstr("given up after 1 tries"));
  EXPECT_THAT(said_, ::testing::Not(HasSubstr("tried again")));
}

TEST_F(CourierTest, WaitsAsLongAsTheOtherSideAsksFor) {
  one().Then({RetryAt{"busy", std::chrono::minutes(5)}, false});
  Happen("b1");
  const ProcessTime before = workspace->clock().Now();
  const auto courier = Start();
  EXPECT_TRUE(one().WaitForTries(1));
  Finish(*courier);
  const auto deliveries = Of("one");
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].state, "pending");
  EXPECT_GE(deliveries[0].next_try - before, std::chrono::minutes(5));
  EXPECT_LT(deliveries[0].next_try - before, std::chrono::minutes(6));
}

// What took too long may have arrived: it comes again with the same id.
TEST_F(CourierTest, AnUnknownOutcomeIsSentAgainWithTheSameId) {
  one().Then({std::nullopt, /*arrives=*/true});
  Happen("b1");
  const auto courier = Start(std::chrono::milliseconds(100));
  EXPECT_TRUE(one().WaitForTries(2));
  Finish(*courier);
  const auto received = one().received();
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0], received[1]);
  EXPECT_EQ(Of("one").front().state, "delivered");
  EXPECT_THAT(said_, HasSubstr("it took too long"));
}
}  // namespace
}  // namespace weirhouse::work
