// Who receives which events: the project's alerts and notify rules as subscribers, and the
// deliveries that follow. How a subscriber is reached: target.h.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// One command and the rules that name it. The same command under several rules is one target, which
// gets each event once.
struct Subscriber {
  std::string
      id;  // made of the command's words, so it does not depend on the place in the project's file
  std::string
      name;  // for people, without arguments, which may hold secrets: "alert 1 (gate_failed)"
  std::vector<std::string> argv;
  std::vector<Alert> alerts;
  std::vector<Notify> notifies;
};
// The project's subscribers in the order of its file, alerts first.
std::vector<Subscriber> MakeSubscribers(const ProjectDefinition& project);
bool Wants(const Subscriber& target, const catalog::OutboxEvent& event);

// CloudEvents 1.0, structured mode, with an end of line. `id` is the event's number in the catalog:
// the same at each try, and rising with time.
std::string MakeCloudEvent(const ProjectDefinition& project, const catalog::OutboxEvent& event);

// Assigns the new events of the outbox to their targets. Returns the number of events.
Result<std::size_t> RouteOutbox(Workspace& workspace, const std::vector<Subscriber>& targets);
// Moves pending deliveries of commands that the project no longer has to subscribers that want the
// event now, so that a corrected command gets what the wrong one did not; drops the rest.
Status RouteAnew(Workspace& workspace, const std::vector<Subscriber>& targets);
}  // namespace weirhouse::work
