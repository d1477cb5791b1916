// A target that does what a test says: takes, fails, refuses for good, hangs.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "work/events/target.h"

namespace weirhouse::work {

// What becomes of the tries, one after the other; delivered once it is used up. Threads: any.
class Script {
 public:
  struct Step {
    std::optional<DeliveryOutcome> outcome;  // absent: it hangs until it is broken off
    bool arrives = false;                    // a hanging one: the event is there all the same
  };
  void Then(Step step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
  }
  Step Next() {
    const std::lock_guard lock(mutex_);
    if (steps_.empty()) return {Delivered{}, false};
    Step step = std::move(steps_.front());
    steps_.pop_front();
    return step;
  }
  void Note(std::string_view event) {
    const std::lock_guard lock(mutex_);
    received_.emplace_back(event);
  }
  void NoteTry() {
    {
      const std::lock_guard lock(mutex_);
      ++tries_;
    }
    changed_.notify_all();
  }
  std::vector<std::string> received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  int tries() {
    const std::lock_guard lock(mutex_);
    return tries_;
  }
  // Whether as many tries were begun within ten seconds.
  bool WaitForTries(int tries) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return tries_ >= tries; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Step> steps_;
  std::vector<std::string> received_;
  int tries_ = 0;
};

class ScriptedTry final : public DeliveryTry {
 public:
  explicit ScriptedTry(Script::Step step)
      : step_(std::move(step)), end_(eventfd(step_.outcome ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~ScriptedTry() override { close(end_); }
  std::vector<int> Descriptors() const override { return {end_}; }
  void Pump() override {}
  bool Ended() override { return step_.outcome.has_value(); }
  DeliveryOutcome Finish() override { return *step_.outcome; }
  DeliveryOutcome BreakOff() override { return RetryAt{"it took too long", {}}; }

 private:
  const Script::Step step_;
  const int end_;
};

class ScriptedTarget final : public Target {
 public:
  explicit ScriptedTarget(std::shared_ptr<Script> script,
                          std::chrono::milliseconds limit = std::chrono::seconds(10))
      : script_(std::move(script)), limit_(limit) {}
  Result<std::unique_ptr<DeliveryTry>> Begin(std::string_view event) override {
    Script::Step step = script_->Next();
    const bool taken = step.outcome && std::holds_alternative<Delivered>(*step.outcome);
    if (taken || step.arrives) script_->Note(event);
    script_->NoteTry();
    return std::unique_ptr<DeliveryTry>(std::make_unique<ScriptedTry>(std::move(step)));
  }
  std::chrono::milliseconds TimeLimit() const override { return limit_; }
  std::string WhereToLook() const override { return ""; }

 private:
  const std::shared_ptr<Script> script_;
  const std::chrono::milliseconds limit_;
};
}  // namespace weirhouse::work
