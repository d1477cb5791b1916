// Delivers events to people and programs: runs the commands of alerts and notify rules on a thread
// of its own, so that the pipeline never waits for them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "work/events/target.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct Subscriber;

// The target for a subscriber: its command, which is all that a project can name today.
std::unique_ptr<Target> MakeSubscriberTarget(const Workspace& workspace,
                                             const Subscriber& subscriber);

// Runs from construction to destruction on a thread of its own. A target (work/events/target.h)
// gets its events one at a time, the oldest first; targets do not wait for each other. A failed
// delivery is tried again (work/events/delivery_rule.h), and later events go on meanwhile. The
// catalog holds the state of each delivery, so nothing is forgotten. A process that dies between a
// try and its record causes another try with the same id: delivery is at least once. Threads: call
// its functions from one thread.
class Courier {
 public:
  // Calls `body` with the project open and returns its result. `body` is short, so that the project
  // may be closed and opened between two calls.
  using Body = std::function<Status(Workspace&)>;
  using WithWorkspace = std::function<Status(const Body&)>;
  // Reports trouble and its end, a line each; once, however often it is tried. Called from the
  // courier's thread.
  using Say = std::function<void(std::string_view line)>;
  // How a subscriber is reached; asked again when the project's files change.
  using MakeTarget = std::function<std::unique_ptr<Target>(const Workspace&, const Subscriber&)>;

  // Null if no thread can be started: then everything is left for the next process.
  static std::unique_ptr<Courier> Start(WithWorkspace with_workspace, Say say,
                                        MakeTarget make_target = MakeSubscriberTarget);
  // Stops at once: running tries are broken off and do not count.
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // Tells that there may be new events. It also looks by itself every second.
  void Wake();
  // For the end of the process: delivers what is due and can be delivered within `bound`. A try
  // that still runs after that is broken off and counts as failed. The rest is left for the next
  // process. `stop` is polled: true ends the wait.
  void Finish(std::chrono::milliseconds bound, const std::function<bool()>& stop);

 private:
  class Loop;
  explicit Courier(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

// The state of deliveries, for `wh status`.
struct DeliveryStory {
  std::int64_t event = 0;
  std::string type;
  std::string subject;
  std::string target;  // for people
  std::string state;   // pending | delivered | given_up | dropped
  int tries = 0;
  std::string next_try;  // of a pending one
  std::string error;     // of the last try that failed
};
struct TargetStory {
  std::string target;  // "alert 1 (gate_failed)"
  std::int64_t pending = 0;
  std::int64_t given_up = 0;
};
struct OutboxStory {
  std::vector<TargetStory> targets;
  std::vector<DeliveryStory> pending;   // the oldest
  std::vector<DeliveryStory> given_up;  // the newest
  std::vector<DeliveryStory> recent;    // the newest of any state
};
// Events that were not assigned to targets yet count as pending. Cost: O(what is pending or given
// up).
Result<OutboxStory> ReadOutboxStory(Workspace& workspace);
}  // namespace weirhouse::work
