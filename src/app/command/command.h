// All verbs, run in this process: the core library calls it for the command line, the daemon for
// commands that come over its socket.
#pragma once

#include <functional>
#include <string_view>

#include "app/command/invocation.h"
#include "work/serving/predictions.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::work {
class Workspace;
class PredictionService;
}  // namespace weirhouse::work

namespace weirhouse::command {

// Where a verb's words go. Threads: called from the working thread only.
class Streams {
 public:
  virtual ~Streams() = default;
  virtual void Out(std::string_view text) = 0;  // data
  virtual void Err(std::string_view text) = 0;  // notes, progress, errors
  virtual bool Cancelled() = 0;                 // Ctrl-C once: finish the unit, then stop
};

// A project that is already open: the daemon's. Both pointers must outlive the call.
struct Host {
  work::Workspace* workspace = nullptr;  // as it was last applied
  work::PredictionService* predictions = nullptr;
  work::Workspace* files = nullptr;  // by the files as they are now, if they differ
  work::Draft draft;                 // how they differ
  std::function<void()> registered;  // called when `files` becomes what was last applied
};

// Runs a verb to its end and returns the exit code (0 ok, 1 internal error, 2 invalid input, 3 gate
// failed or a file or a whole batch refused, 4 contract refused, 5 conflict, 6 not found, 7
// permission denied, 8 unavailable, 9 a difference was found, 10 changes, 11 corruption,
// 130 interrupted).
// Prints errors and throws nothing. Hands a verb that writes to the daemon, if one holds the
// project and listens.
int RunCommand(const Invocation& invocation, Streams& streams, Host* host = nullptr);

// Prints `status` as RunCommand does and returns its exit code.
int PrintError(const Invocation& invocation, Streams& streams, const Status& status);
}  // namespace weirhouse::command
