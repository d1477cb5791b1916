#include "work/events/courier.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
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
#include "ground/platform/process/child.h"
#include "work/events/delivery_rule.h"
#include "work/events/target.h"

namespace weirhouse::work {
namespace {
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds kCommandTimeout{10};
constexpr milliseconds kLookEvery{1000};
// A command that is begun just before the end would be ended before it had a chance.
constexpr milliseconds kChanceLeast{2000};
constexpr milliseconds kFinishLookEvery{50};
constexpr milliseconds kAfterThrown{100};
constexpr std::chrono::seconds kRestMax{60};  // of a target of which no try succeeds
constexpr std::size_t kRunningMax = 16;
constexpr std::int64_t kLogBytesOfOne = 64 << 10;
constexpr std::uintmax_t kLogBytesMax = 8 << 20;

nanoseconds Now() { return SystemClock().Monotonic(); }

// An anonymous file that holds `bytes`, read from its start: what the command finds as its input.
class InputFile {
 public:
  explicit InputFile(const std::string& bytes) : file_(memfd_create("event", MFD_CLOEXEC)) {
    std::size_t written = 0;
    while (file_ >= 0 && written < bytes.size()) {
      const ssize_t count = write(file_, bytes.data() + written, bytes.size() - written);
      if (count < 0) break;
      written += static_cast<std::size_t>(count);
    }
    complete_ = file_ >= 0 && written == bytes.size() && lseek(file_, 0, SEEK_SET) == 0;
  }
  ~InputFile() {
    if (file_ >= 0) close(file_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  bool complete() const { return complete_; }
  int file() const { return file_; }

 private:
  int file_;
  bool complete_ = false;
};

// What a project's commands write is kept, the newest of it.
void TurnLog(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > kLogBytesMax) std::filesystem::rename(path, path + ".old", error);
}

struct Running {
  catalog::Delivery delivery;
  std::unique_ptr<platform::ChildProcess> child;
  nanoseconds ends{0};  // when it is ended at the latest
};

struct Lane {
  Target target;
  std::optional<Running> running;
  std::optional<catalog::Delivery> unnoted;  // how a try went; nothing is begun before it is noted
  nanoseconds due_at{0};                     // nothing of it is due before
  nanoseconds rests_to{0};                   // after a failure
  int failures = 0;                          // since the last success
  nanoseconds next() const { return std::max(due_at, rests_to); }
};

Result<std::unique_ptr<platform::ChildProcess>> StartCommand(const Workspace& workspace,
                                                             const Target& target,
                                                             const std::string& event) {
  const InputFile input(event);
  if (!input.complete())
    return Status(Code::kUnavailable, "could not hand the event over").WithError("WH8010");
  platform::ChildCommand command;
  // The child's own input is /dev/null; the shell puts the event there.
  command.argv = {"/bin/sh", "-c", "exec \"$@\" <&3", "sh"};
  command.argv.insert(command.argv.end(), target.argv.begin(), target.argv.end());
  command.folder = workspace.project().root;
  command.environment = platform::ChildEnvironment();
  command.limits.log_bytes_max = kLogBytesOfOne;
  command.log_path = workspace.state_folder() + "/notify.log";
  TurnLog(command.log_path);
  command.descriptors = {{input.file(), 3}};
  return platform::ChildProcess::Start(std::move(command));
}
}  // namespace

// Of the thread, but for what is said to be shared.
class Courier::Loop {
 public:
  Loop(WithWorkspace with_workspace, Say say)
      : with_workspace_(std::move(with_workspace)),
        say_(std::move(say)),
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
  // Nothing may be thrown out of the thread.
  void Run() {
    bool goes_on = true;
    while (goes_on && !stopping_) {
      try {
        goes_on = TakeTurn();
      } catch (...) {  // no memory even to tell of it, or to wait with
        goes_on = last_ == 0;
        std::this_thread::sleep_for(kAfterThrown);
      }
      RefillMemoryReserve();
    }
    for (auto& [id, lane] : lanes_) lane.running.reset();  // ends the command
    ended_ = true;
  }
  // False once all is done that may be done before the end.
  bool TakeTurn() {
    const bool closing = last_ != 0;  // asked first: what came before that is still seen
    const Status status = Guarded();
    if (!status.ok()) {
      Tell("", fmt::format("notifications wait, and are tried again: {}", status.ToString()));
    } else if (told_.erase("") > 0 && say_) {
      say_("notifications go on");
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
  // Nothing runs, and nothing more will be begun.
  bool AllQuiet(const Status& status) const {
    if (!status.ok()) return true;
    return std::all_of(lanes_.begin(), lanes_.end(), [&](const auto& entry) {
      return !entry.second.running && (!MayBegin() || entry.second.next() > Now());
    });
  }
  bool MayBegin() const {
    return !stopping_ && (last_ == 0 || Now() + kChanceLeast <= nanoseconds(last_));
  }

  // Takes note of the commands that have ended, of each whatever becomes of the others.
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
      const bool ended = lane.running->child->Ended();
      const nanoseconds limit =
          last_ == 0 ? lane.running->ends : std::min(lane.running->ends, nanoseconds(last_));
      if (!ended && Now() < limit) return Status();
      if (!ended) lane.running->child->Kill(platform::ChildExit::Reason::kTimedOut);
      const platform::ChildExit exit = lane.running->child->Finish();
      WEIRHOUSE_FAILPOINT("outbox.send.after");
      catalog::Delivery delivery = std::move(lane.running->delivery);
      lane.running.reset();
      Judge(workspace, lane, std::move(delivery),
            exit.ok() ? "" : fmt::format("the command {}", platform::Describe(exit)));
    }
    return Note(workspace, lane);
  }
  // Writes down how the last try went. Where the catalog cannot be written it is kept, so that the
  // command is not run again for that.
  static Status Note(Workspace& workspace, Lane& lane) {
    if (!lane.unnoted) return Status();
    WEIRHOUSE_TRY_STATUS(workspace.catalog().NoteDelivery(*lane.unnoted));
    lane.unnoted.reset();
    return Status();
  }
  // `error` empty: it was delivered.
  void Judge(Workspace& workspace, Lane& lane, catalog::Delivery delivery, std::string error) {
    ++delivery.tries;
    delivery.error = std::move(error);
    if (delivery.error.empty()) {
      delivery.state = "delivered";
      lane.failures = 0;
      lane.rests_to = nanoseconds(0);
      if (told_.erase(lane.target.id) > 0 && say_)
        say_(fmt::format("delivered again: {}", lane.target.name));
      lane.unnoted = std::move(delivery);
      return;
    }
    const auto wait = WaitAfter(delivery.tries, SystemRandom().Unit());
    delivery.next_try = workspace.clock().Now() + wait;
    if (delivery.tries >= TriesMax()) delivery.state = "given_up";
    ++lane.failures;
    lane.rests_to =
        Now() + std::min<nanoseconds>(WaitAfter(lane.failures, SystemRandom().Unit()), kRestMax);
    if (delivery.state == "given_up" && say_) {
      say_(fmt::format("given up after {} tries: event {} for {}: {}", delivery.tries,
                       delivery.event, lane.target.name, delivery.error));
    }
    Tell(lane.target.id, fmt::format("not delivered: event {} for {}: {}; it is tried again, its "
                                     "output is in .weirhouse/notify.log",
                                     delivery.event, lane.target.name, delivery.error));
    lane.unnoted = std::move(delivery);
  }
  // The same trouble of the same target is told once until it is over.
  void Tell(const std::string& of, const std::string& line) {
    if (told_.insert(of).second && say_) say_(EscapeControl(line));
  }

  // Books what is new and begins what is due.
  Status Look(Workspace& workspace) {
    WEIRHOUSE_TRY_STATUS(TakeTargets(workspace));
    WEIRHOUSE_TRY(const std::size_t routed, RouteOutbox(workspace, targets_));
    for (auto& [id, lane] : lanes_) {
      if (routed > 0) lane.due_at = nanoseconds(0);
      if (!lane.running && !lane.unnoted && MayBegin() && lane.next() <= Now() &&
          RunningCount() < kRunningMax)
        WEIRHOUSE_TRY_STATUS(Begin(workspace, lane));
    }
    return Status();
  }
  // The project's targets, when its files have changed.
  Status TakeTargets(Workspace& workspace) {
    if (project_ == workspace.shared_project()) return Status();
    targets_ = TargetsOf(workspace.project());
    WEIRHOUSE_TRY_STATUS(RouteAnew(workspace, targets_));
    for (const Target& target : targets_) lanes_[target.id].target = target;
    std::erase_if(lanes_, [&](const auto& entry) {
      return std::none_of(targets_.begin(), targets_.end(),
                          [&](const Target& target) { return target.id == entry.first; });
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
                  catalog.DueDelivery(lane.target.id, now, kLongestWaitWithJitter));
    if (!due) return Rest(workspace, lane, now);
    WEIRHOUSE_TRY(const auto event, catalog.FindEvent(due->event));
    if (!event) {
      due->state = "dropped";
      due->error = "the catalog does not hold the event";
      return catalog.NoteDelivery(*due);
    }
    WEIRHOUSE_FAILPOINT("outbox.send.before");
    auto child = StartCommand(workspace, lane.target, CloudEventOf(workspace.project(), *event));
    if (!child.ok()) {
      Judge(workspace, lane, *std::move(due), child.status().message());
      return Note(workspace, lane);
    }
    lane.running.emplace();
    lane.running->delivery = *std::move(due);
    lane.running->child = std::move(child).value();
    lane.running->ends = Now() + kCommandTimeout;
    return Status();
  }
  // Nothing is due: until when. By the clock that does not jump.
  Status Rest(Workspace& workspace, Lane& lane, ProcessTime now) {
    WEIRHOUSE_TRY(const std::optional<ProcessTime> next,
                  workspace.catalog().NextTry(lane.target.id));
    lane.due_at = next ? Now() + std::clamp<nanoseconds>(*next - now, kFinishLookEvery,
                                                         kLongestWaitWithJitter)
                       : nanoseconds::max();
    if (!next) lane.failures = 0;
    return Status();
  }

  // Until something has ended, is due, or may be new.
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
      watched.push_back({lane.running->child->exit_descriptor(), POLLIN, 0});
      if (lane.running->child->output_descriptor() >= 0)
        watched.push_back({lane.running->child->output_descriptor(), POLLIN, 0});
    }
    Poll(watched, until);
  }
  // The catalog, say, cannot be had: what is due or has ended must not have it asked without a
  // pause.
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
      if (lane.running) lane.running->child->PumpOutput();
    }
  }

  const WithWorkspace with_workspace_;
  const Say say_;
  const int wake_;                     // shared
  std::atomic<bool> stopping_{false};  // shared
  std::atomic<bool> ended_{false};     // shared
  std::atomic<std::int64_t> last_{0};  // shared: when to end, 0 = not yet
  std::shared_ptr<const ProjectDefinition> project_;
  std::vector<Target> targets_;
  std::map<std::string, Lane> lanes_;
  std::set<std::string> told_;
  std::thread thread_;
};

Courier::Courier(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Courier::~Courier() = default;

std::unique_ptr<Courier> Courier::Start(WithWorkspace with_workspace, Say say) {
  auto loop = std::make_unique<Loop>(std::move(with_workspace), std::move(say));
  if (!loop->Start().ok()) return nullptr;
  return std::unique_ptr<Courier>(new Courier(std::move(loop)));
}

void Courier::Wake() { loop_->Wake(); }

void Courier::Finish(milliseconds bound, const std::function<bool()>& stop) {
  loop_->FinishBy(Now() + bound);
  while (!loop_->ended() && !stop()) std::this_thread::sleep_for(kFinishLookEvery);
}
}  // namespace weirhouse::work
