#include "work/events/courier.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/random.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "work/events/command_target.h"
#include "work/events/delivery_rule.h"
#include "work/events/subscriber.h"
#include "work/events/target.h"

namespace weirhouse::work {
namespace {
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kLookEvery{1000};
// A try that begins less than this before the end would be broken off before it had a chance.
constexpr milliseconds kChanceLeast{2000};
constexpr milliseconds kFinishLookEvery{50};
constexpr milliseconds kAfterThrown{100};
constexpr std::chrono::seconds kRestMax{60};  // how long a target rests whose tries all fail
constexpr std::size_t kRunningMax = 16;

nanoseconds Now() { return SystemClock().Monotonic(); }

struct Running {
  catalog::Delivery delivery;
  std::unique_ptr<DeliveryTry> attempt;
  nanoseconds ends{0};  // its deadline
};

struct Lane {
  Subscriber subscriber;
  std::unique_ptr<Target> target;
  std::optional<Running> running;
  std::optional<catalog::Delivery>
      unnoted;              // an outcome to be recorded; nothing is begun before that
  nanoseconds due_at{0};    // when its next delivery is due
  nanoseconds rests_to{0};  // no try before this, after a failure
  int failures = 0;         // since the last success
  nanoseconds next() const { return std::max(due_at, rests_to); }
};

}  // namespace

std::unique_ptr<Target> MakeSubscriberTarget(const Workspace& workspace,
                                             const Subscriber& subscriber) {
  CommandTargetOptions options;
  options.argv = subscriber.argv;
  options.folder = workspace.project().root;
  options.log_path = workspace.state_folder() + "/notify.log";
  return MakeCommandTarget(std::move(options));
}

// Used by the courier's thread alone, except for what is marked as shared.
class Courier::Loop {
 public:
  Loop(WithWorkspace with_workspace, Say say, MakeTarget make_target)
      : with_workspace_(std::move(with_workspace)),
        say_(std::move(say)),
        make_target_(std::move(make_target)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Loop() {
    stopping_ = true;
    Wake();
    if (thread_.joinable()) thread_.join();
    if (wake_ >= 0) close(wake_);
  }
  Status Start() {
    WEIRHOUSE_TRY(thread_, StartThread([this] { Run(); }));
    return Status();
  }
  void Wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
  }
  void FinishBy(nanoseconds time) {
    last_ = time.count();
    Wake();
  }
  bool ended() const { return ended_; }

 private:
  // Catches everything: the thread must not throw.
  void Run() {
    bool goes_on = true;
    while (goes_on && !stopping_) {
      try {
        goes_on = TakeTurn();
      } catch (...) {  // no memory even to report it, or to wait
        goes_on = last_ == 0;
        std::this_thread::sleep_for(kAfterThrown);
      }
      RefillMemoryReserve();
    }
    for (auto& [id, lane] : lanes_) lane.running.reset();  // breaks off its try
    ended_ = true;
  }
  // False once all is done that can be done before the end.
  bool TakeTurn() {
    const bool closing = last_ != 0;  // read first, so that events from before the end are seen
    const Status status = Guarded();
    if (!status.ok()) {
      Tell("",
           fmt::format("notifications are delayed and will be tried again: {}", status.ToString()));
    } else if (told_.erase("") > 0 && say_) {
      say_("notifications are delivered again");
    }
    if (closing && AllQuiet(status)) return false;
    if (status.ok()) {
      Wait();
    } else {
      WaitForBetter();
    }
    return true;
  }
  Status Guarded() {
    try {
      return with_workspace_([this](Workspace& workspace) {
        WEIRHOUSE_TRY_STATUS(Settle(workspace));
        return Look(workspace);
      });
    } catch (...) {
      return StatusOfException();
    }
  }
  // Nothing runs, and nothing more will begin.
  bool AllQuiet(const Status& status) const {
    if (!status.ok()) return true;
    return std::all_of(lanes_.begin(), lanes_.end(), [&](const auto& entry) {
      return !entry.second.running && (!MayBegin() || entry.second.next() > Now());
    });
  }
  bool MayBegin() const {
    return !stopping_ && (last_ == 0 || Now() + kChanceLeast <= nanoseconds(last_));
  }

  // Records the tries that have ended; a failure with one does not keep the others from it.
  Status Settle(Workspace& workspace) {
    Status first;
    for (auto& [id, lane] : lanes_) {
      Status status = SettleOne(workspace, lane);
      if (!status.ok() && first.ok()) first = std::move(status);
    }
    return first;
  }
  Status SettleOne(Workspace& workspace, Lane& lane) {
    if (lane.running) {
      const bool ended = lane.running->attempt->Ended();
      const nanoseconds limit =
          last_ == 0 ? lane.running->ends : std::min(lane.running->ends, nanoseconds(last_));
      if (!ended && Now() < limit) return Status();
      DeliveryOutcome outcome =
          ended ? lane.running->attempt->Finish() : lane.running->attempt->BreakOff();
      WEIRHOUSE_FAILPOINT("outbox.send.after");
      catalog::Delivery delivery = std::move(lane.running->delivery);
      lane.running.reset();
      Judge(workspace, lane, std::move(delivery), outcome);
    }
    return Note(workspace, lane);
  }
  // Records how the last try went. If the catalog cannot be written, the outcome is kept until it
  // can, so that the delivery is not tried again for that reason.
  static Status Note(Workspace& workspace, Lane& lane) {
    if (!lane.unnoted) return Status();
    WEIRHOUSE_TRY_STATUS(workspace.catalog().NoteDelivery(*lane.unnoted));
    lane.unnoted.reset();
    return Status();
  }
  void Judge(Workspace& workspace, Lane& lane, catalog::Delivery delivery,
             const DeliveryOutcome& outcome) {
    ++delivery.tries;
    delivery.error.clear();
    if (std::holds_alternative<Delivered>(outcome)) {
      delivery.state = "delivered";
      lane.failures = 0;
      lane.rests_to = nanoseconds(0);
      if (told_.erase(lane.subscriber.id) > 0 && say_)
        say_(fmt::format("delivered again: {}", lane.subscriber.name));
      lane.unnoted = std::move(delivery);
      return;
    }
    const auto* dead = std::get_if<Dead>(&outcome);
    const auto* later = std::get_if<RetryAt>(&outcome);
    delivery.error = dead != nullptr ? dead->why : later->why;
    auto wait = WaitAfter(delivery.tries, SystemRandom().Unit());
    if (later != nullptr) wait = std::max(wait, std::min(later->not_before, kLongestWait));
    delivery.next_try = workspace.clock().Now() + wait;
    if (dead != nullptr || delivery.tries >= TriesMax()) delivery.state = "given_up";
    ++lane.failures;
    lane.rests_to =
        Now() + std::min<nanoseconds>(WaitAfter(lane.failures, SystemRandom().Unit()), kRestMax);
    if (delivery.state == "given_up" && say_) {
      say_(fmt::format("given up after {} tries: event {} for {}: {}", delivery.tries,
                       delivery.event, lane.subscriber.name, delivery.error));
    }
    if (dead == nullptr) TellOfFailure(lane, delivery);
    lane.unnoted = std::move(delivery);
  }
  void TellOfFailure(const Lane& lane, const catalog::Delivery& delivery) {
    const std::string where = lane.target->WhereToLook();
    Tell(lane.subscriber.id,
         fmt::format("not delivered: event {} for {}: {}; it is tried again{}{}", delivery.event,
                     lane.subscriber.name, delivery.error, where.empty() ? "" : ", ", where));
  }
  // Reports the same trouble of the same target once, until it is over.
  void Tell(const std::string& of, const std::string& line) {
    if (told_.insert(of).second && say_) say_(EscapeControl(line));
  }

  // Assigns new events to targets and begins what is due.
  Status Look(Workspace& workspace) {
    WEIRHOUSE_TRY_STATUS(TakeTargets(workspace));
    WEIRHOUSE_TRY(const std::size_t routed, RouteOutbox(workspace, subscribers_));
    for (auto& [id, lane] : lanes_) {
      if (routed > 0) lane.due_at = nanoseconds(0);
      if (!lane.running && !lane.unnoted && MayBegin() && lane.next() <= Now() &&
          RunningCount() < kRunningMax)
        WEIRHOUSE_TRY_STATUS(Begin(workspace, lane));
    }
    return Status();
  }
  // Reads the project's targets again if its files have changed.
  Status TakeTargets(Workspace& workspace) {
    if (project_ == workspace.shared_project()) return Status();
    subscribers_ = MakeSubscribers(workspace.project());
    WEIRHOUSE_TRY_STATUS(RouteAnew(workspace, subscribers_));
    for (const Subscriber& subscriber : subscribers_) {
      Lane& lane = lanes_[subscriber.id];
      lane.subscriber = subscriber;
      lane.target = make_target_(workspace, subscriber);
    }
    std::erase_if(lanes_, [&](const auto& entry) {
      return std::ranges::none_of(subscribers_,
                                  [&](const Subscriber& one) { return one.id == entry.first; });
    });
    project_ = workspace.shared_project();
    return Status();
  }
  std::size_t RunningCount() const {
    return static_cast<std::size_t>(
        std::count_if(lanes_.begin(), lanes_.end(),
                      [](const auto& entry) { return entry.second.running.has_value(); }));
  }
  Status Begin(Workspace& workspace, Lane& lane) {
    catalog::Catalog& catalog = workspace.catalog();
    const ProcessTime now = workspace.clock().Now();
    WEIRHOUSE_TRY(std::optional<catalog::Delivery> due,
                  catalog.DueDelivery(lane.subscriber.id, now, kLongestWaitWithJitter));
    if (!due) return Rest(workspace, lane, now);
    WEIRHOUSE_TRY(const auto event, catalog.FindEvent(due->event));
    if (!event) {
      due->state = "dropped";
      due->error = "the catalog does not hold the event";
      return catalog.NoteDelivery(*due);
    }
    WEIRHOUSE_FAILPOINT("outbox.send.before");
    auto attempt = lane.target->Begin(MakeCloudEvent(workspace.project(), *event));
    if (!attempt.ok()) {
      Judge(workspace, lane, *std::move(due), RetryAt{attempt.status().message(), {}});
      return Note(workspace, lane);
    }
    lane.running.emplace();
    lane.running->delivery = *std::move(due);
    lane.running->attempt = std::move(attempt).value();
    lane.running->ends = Now() + lane.target->TimeLimit();
    return Status();
  }
  // Sets when to look again if nothing is due, by the clock that does not jump.
  Status Rest(Workspace& workspace, Lane& lane, ProcessTime now) {
    WEIRHOUSE_TRY(const std::optional<ProcessTime> next,
                  workspace.catalog().NextTry(lane.subscriber.id));
    lane.due_at = next ? Now() + std::clamp<nanoseconds>(*next - now, kFinishLookEvery,
                                                         kLongestWaitWithJitter)
                       : nanoseconds::max();
    if (!next) lane.failures = 0;
    return Status();
  }

  // Waits until a try has ended, something is due, or something may be new.
  void Wait() {
    std::vector<pollfd> watched{{wake_, POLLIN, 0}};
    nanoseconds until = Now() + kLookEvery;
    for (auto& [id, lane] : lanes_) {
      if (lane.unnoted) continue;
      if (!lane.running) {
        until = std::min(until, std::max(lane.next(), Now() + milliseconds(10)));
        continue;
      }
      until = std::min(until, lane.running->ends);
      for (const int descriptor : lane.running->attempt->Descriptors())
        watched.push_back({descriptor, POLLIN, 0});
    }
    Poll(watched, until);
  }
  // Pauses after a failure, such as a catalog that cannot be reached, even if something is due or
  // has ended.
  void WaitForBetter() {
    std::vector<pollfd> watched{{wake_, POLLIN, 0}};
    Poll(watched, Now() + kLookEvery);
  }
  void Poll(std::vector<pollfd>& watched, nanoseconds until) {
    if (last_ != 0) until = std::min(until, nanoseconds(last_));
    const auto wait = std::chrono::ceil<milliseconds>(std::max(until - Now(), nanoseconds(0)));
    poll(watched.data(), watched.size(), static_cast<int>(wait.count()));
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_, &count, sizeof(count));
    for (auto& [id, lane] : lanes_) {
      if (lane.running) lane.running->attempt->Pump();
    }
  }

  const WithWorkspace with_workspace_;
  const Say say_;
  const MakeTarget make_target_;
  const int wake_;                     // shared
  std::atomic<bool> stopping_{false};  // shared
  std::atomic<bool> ended_{false};     // shared
  std::atomic<std::int64_t> last_{0};  // shared: when to end, 0 = not yet
  std::shared_ptr<const ProjectDefinition> project_;
  std::vector<Subscriber> subscribers_;
  std::map<std::string, Lane> lanes_;
  std::set<std::string> told_;
  std::thread thread_;
};

Courier::Courier(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Courier::~Courier() = default;

std::unique_ptr<Courier> Courier::Start(WithWorkspace with_workspace, Say say,
                                        MakeTarget make_target) {
  auto loop =
      std::make_unique<Loop>(std::move(with_workspace), std::move(say), std::move(make_target));
  if (!loop->Start().ok()) return nullptr;
  return std::unique_ptr<Courier>(new Courier(std::move(loop)));
}

void Courier::Wake() { loop_->Wake(); }

void Courier::Finish(milliseconds bound, const std::function<bool()>& stop) {
  loop_->FinishBy(Now() + bound);
  while (!loop_->ended() && !stop()) std::this_thread::sleep_for(kFinishLookEvery);
}
}  // namespace weirhouse::work
