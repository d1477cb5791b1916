// Tells people and programs what happened: runs the commands of alerts and notify rules, beside the
// pipeline and never in its way.
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

// The command of a subscriber: what a project can name today.
std::unique_ptr<Target> CommandTargetOf(const Workspace& workspace, const Subscriber& subscriber);

// Runs from its start to its end on a thread of its own. A target (work/events/target.h) gets its
// events one at a time, the oldest first; targets do not wait for each other. What failed is tried
// again (work/events/delivery_rule.h), and those behind it go on meanwhile. How far each delivery
// is stands in the catalog, so nothing is forgotten; a process that dies between a try and its
// note makes it again: at least once, with the same id. Threads: its functions are called from
// one thread.
class Courier {
 public:
  // Calls `body` with the project open, and returns what it returns; never for long, so that the
  // project may be closed and opened between two calls.
  using Body = std::function<Status(Workspace&)>;
  using WithWorkspace = std::function<Status(const Body&)>;
  // What goes wrong, and that it goes on, a line each; once, however often it is tried. From the
  // courier's thread.
  using Say = std::function<void(std::string_view line)>;
  // How a subscriber is reached; asked anew when the project's files change.
  using MakeTarget = std::function<std::unique_ptr<Target>(const Workspace&, const Subscriber&)>;

  // Null if there is no thread to be had: everything stays for the next process.
  static std::unique_ptr<Courier> Start(WithWorkspace with_workspace, Say say,
                                        MakeTarget make_target = CommandTargetOf);
  // Stops at once: tries at hand are broken off, and count as not made.
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // There may be something new. It looks by itself every second.
  void Wake();
  // Before the process ends: delivers what is due and can be delivered within `bound`; a try that
  // still runs then is broken off, and has failed. The rest stays for the next process.
  // `stop` asks whether not to wait any longer.
  void Finish(std::chrono::milliseconds bound, const std::function<bool()>& stop);

 private:
  class Loop;
  explicit Courier(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

// What is owed to whom, for `wh status`.
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
// Events that nobody has looked at yet count as pending. Cost: O(what is pending or given up).
Result<OutboxStory> TellOutbox(Workspace& workspace);
}  // namespace weirhouse::work
