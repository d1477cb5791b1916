// Who is told of what: the project's alerts and notify rules as subscribers that events are owed to,
// and the deliveries that follow. How one is reached: target.h.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// One command and the rules that name it. The same command under several rules is one target: it
// gets each event once.
struct Subscriber {
  std::string id;  // of the command's words: the same wherever it stands in the project's file
  std::string
      name;  // for people, without arguments, which may hold secrets: "alert 1 (gate_failed)"
  std::vector<std::string> argv;
  std::vector<Alert> alerts;
  std::vector<Notify> notifies;
};
// In the order of the project's file, alerts first.
std::vector<Subscriber> SubscribersOf(const ProjectDefinition& project);
bool Wants(const Subscriber& target, const catalog::OutboxEvent& event);

// CloudEvents 1.0, structured mode, with an end of line. `id` is the event's number in the catalog:
// the same at each try, and rising with time.
std::string CloudEventOf(const ProjectDefinition& project, const catalog::OutboxEvent& event);

// Books who gets the events that nobody looked at yet. The answer: how many events there were.
Result<std::size_t> RouteOutbox(Workspace& workspace, const std::vector<Subscriber>& targets);
// What is pending for commands that the project no longer has goes to those that want it now, so
// that a command which was corrected gets what the wrong one did not; else it is dropped.
Status RouteAnew(Workspace& workspace, const std::vector<Subscriber>& targets);
}  // namespace weirhouse::work
