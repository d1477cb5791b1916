// What every target must do. A driver adds one line to target_test.cc.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "testing/testing.h"
#include "work/events/target.h"

namespace weirhouse::work {

// One other side, which a test tells what to do, and asks what it got.
class TargetPlace {
 public:
  enum class Does : std::uint8_t {
    kTake,
    kFail,
    kHang,            // and takes nothing
    kArriveThenHang,  // nobody can tell that it took the event
  };
  virtual ~TargetPlace() = default;
  // A target of which each try ends so.
  virtual std::unique_ptr<Target> Make(Does does) = 0;
  virtual std::vector<std::string> Received() = 0;  // in any order
};

struct TargetDriver {
  std::string name;
  std::function<std::unique_ptr<TargetPlace>()> make_place;
};
inline void PrintTo(const TargetDriver& driver, std::ostream* out) { *out << driver.name; }

class TargetConformance : public ::testing::TestWithParam<TargetDriver> {
 protected:
  using Does = TargetPlace::Does;
  void SetUp() override { place_ = GetParam().make_place(); }

  // Waits for the end as the courier does; false if there is none within `bound`.
  static bool WaitForEnd(DeliveryTry& attempt, std::chrono::milliseconds bound) {
    const auto last = std::chrono::steady_clock::now() + bound;
    while (!attempt.Ended()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          last - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      std::vector<pollfd> watched;
      for (const int descriptor : attempt.Descriptors()) watched.push_back({descriptor, POLLIN, 0});
      EXPECT_FALSE(watched.empty());
      poll(watched.data(), watched.size(), static_cast<int>(left.count()));
      attempt.Pump();
    }
    return true;
  }
  static DeliveryOutcome Deliver(Target& target, std::string_view event) {
    auto attempt = target.Begin(event);
    EXPECT_OK(attempt.status());
    EXPECT_TRUE(WaitForEnd(**attempt, std::chrono::seconds(20)));
    return (*attempt)->Finish();
  }
  static constexpr std::chrono::milliseconds kShort{100};

  std::unique_ptr<TargetPlace> place_;
};

TEST_P(TargetConformance, HandsTheBytesOfTheEventOver) {
  const auto target = place_->Make(Does::kTake);
  std::string event = "{\"id\":\"7\",\"text\":\"a\\nb ü\"}\n";
  event += std::string(200'000, 'x') + "\n";  // more than a pipe holds
  const DeliveryOutcome outcome = Deliver(*target, event);
  EXPECT_TRUE(std::holds_alternative<Delivered>(outcome));
  EXPECT_EQ(place_->Received(), std::vector<std::string>{event});
}

TEST_P(TargetConformance, AFailureIsTriedAgainAndSaysWhy) {
  const auto target = place_->Make(Does::kFail);
  const DeliveryOutcome outcome = Deliver(*target, "event\n");
  ASSERT_TRUE(std::holds_alternative<RetryAt>(outcome));
  EXPECT_FALSE(std::get<RetryAt>(outcome).why.empty());
  EXPECT_GE(std::get<RetryAt>(outcome).not_before.count(), 0);
}

TEST_P(TargetConformance, WhatTakesTooLongIsBrokenOffAndTriedAgain) {
  EXPECT_GT(place_->Make(Does::kHang)->TimeLimit().count(), 0);
  for (const Does does : {Does::kHang, Does::kArriveThenHang}) {
    const auto target = place_->Make(does);
    ASSERT_OK_AND(const auto attempt, target->Begin("event\n"));
    EXPECT_FALSE(WaitForEnd(*attempt, kShort));
    // Whether it arrived is not known, so it is never called delivered.
    EXPECT_TRUE(std::holds_alternative<RetryAt>(attempt->BreakOff()));
  }
}

TEST_P(TargetConformance, TriesRunBesideEachOtherAndOutliveTheirTarget) {
  auto target = place_->Make(Does::kTake);
  std::vector<std::unique_ptr<DeliveryTry>> attempts;
  std::vector<std::string> events;
  for (int i = 0; i < 5; ++i) {
    events.push_back("event " + std::to_string(i) + "\n");
    ASSERT_OK_AND(auto attempt, target->Begin(events.back()));
    attempts.push_back(std::move(attempt));
  }
  target.reset();
  for (const auto& attempt : attempts) {
    ASSERT_TRUE(WaitForEnd(*attempt, std::chrono::seconds(20)));
    EXPECT_TRUE(std::holds_alternative<Delivered>(attempt->Finish()));
  }
  EXPECT_THAT(place_->Received(), ::testing::UnorderedElementsAreArray(events));
}

TEST_P(TargetConformance, ATryThatIsDroppedLeavesTheNextOneAlone) {
  {
    ASSERT_OK(place_->Make(Does::kHang)->Begin("dropped\n").status());
  }
  const auto target = place_->Make(Does::kTake);
  EXPECT_TRUE(std::holds_alternative<Delivered>(Deliver(*target, "next\n")));
  EXPECT_EQ(place_->Received(), std::vector<std::string>{"next\n"});
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TargetConformance);
}  // namespace weirhouse::work
