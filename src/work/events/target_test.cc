#include "work/events/target.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>

#include "work/events/command_target.h"
#include "work/events/scripted_target_test.h"
#include "work/events/target_conformance.h"

namespace weirhouse::work {
namespace {
class CommandPlace final : public TargetPlace {
 public:
  CommandPlace() { std::filesystem::create_directories(scratch_ / "got"); }
  std::unique_ptr<Target> Make(Does does) override {
    const std::string take = "cat > got/part.$$ && mv got/part.$$ got/event.$$";
    const std::string script = does == Does::kTake   ? take
                               : does == Does::kFail ? "cat > /dev/null; exit 3"
                               : does == Does::kHang ? "exec sleep 600"
                                                     : take + "; exec sleep 600";
    CommandTargetOptions options;
    options.argv = {"sh", "-c", script};
    options.folder = scratch_.path().string();
    options.log_path = scratch_ / "log";
    return MakeCommandTarget(std::move(options));
  }
  std::vector<std::string> Received() override {
    std::vector<std::string> events;
    for (const auto& entry : std::filesystem::directory_iterator(scratch_ / "got")) {
      if (entry.path().filename().string().starts_with("event."))
        events.push_back(testing::ReadFile(entry.path().string()));
    }
    return events;
  }

 private:
  testing::ScratchFolder scratch_;
};

class ScriptedPlace final : public TargetPlace {
 public:
  std::unique_ptr<Target> Make(Does does) override {
    // One script for each target would lose what an earlier one received.
    for (int i = 0; i < kStepsEnough && does != Does::kTake; ++i) {
      if (does == Does::kFail) {
        script_->Then({RetryAt{"told to fail", {}}, false});
      } else {
        script_->Then({std::nullopt, does == Does::kArriveThenHang});
      }
    }
    return std::make_unique<ScriptedTarget>(script_);
  }
  std::vector<std::string> Received() override { return script_->received(); }

 private:
  static constexpr int kStepsEnough = 1;
  std::shared_ptr<Script> script_ = std::make_shared<Script>();
};

INSTANTIATE_TEST_SUITE_P(
    Drivers, TargetConformance,
    ::testing::Values(TargetDriver{"Command", [] { return std::make_unique<CommandPlace>(); }},
                      TargetDriver{"Scripted", [] { return std::make_unique<ScriptedPlace>(); }}),
    [](const auto& driver) { return driver.param.name; });

TEST(CommandTarget, SaysHowTheCommandEnded) {
  testing::ScratchFolder scratch;
  const auto target = MakeCommandTarget(
      {{"sh", "-c", "exit 3"}, scratch.path().string(), scratch / "log", std::chrono::seconds(10)});
  ASSERT_OK_AND(const auto attempt, target->Begin("event\n"));
  const DeliveryOutcome outcome = attempt->Finish();
  ASSERT_TRUE(std::holds_alternative<RetryAt>(outcome));
  EXPECT_EQ(std::get<RetryAt>(outcome).why, "the command exited with 3");
}

TEST(CommandTarget, AnEventThatCannotBeHandedOverIsNoTry) {
  testing::ScratchFolder scratch;
  const auto target = MakeCommandTarget(
      {{"true"}, scratch.path().string(), scratch / "log", std::chrono::seconds(10)});
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Status status = target->Begin("event\n").status();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH8010");
  EXPECT_EQ(status.message(),
            "could not pass the event to the command \"true\": Too many open files");
  EXPECT_THAT(status.hint(), ::testing::HasSubstr("it is tried again"));
}

TEST(CommandTarget, ACommandThatIsNotThereIsNoTry) {
  testing::ScratchFolder scratch;
  const auto target = MakeCommandTarget(
      {{"true"}, scratch / "no-such-folder", scratch / "log", std::chrono::seconds(10)});
  EXPECT_EQ(target->Begin("event\n").status().error_code(), "WH5007");
}
}  // namespace
}  // namespace weirhouse::work
