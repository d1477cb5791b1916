// `wh serve`: the one writer of a project, for as long as it runs.
//
// Watches the landing folders and runs what lands; takes commands over the project's socket;
// answers HTTP on this machine. One working thread does all writing, in the order of the requests.
#pragma once

#include "app/command/command.h"

namespace weirhouse::daemon {

// Serves until SIGINT or SIGTERM, finishes the unit at hand, and returns the exit code. Prints
// "listening on http://127.0.0.1:8642" on the error stream when it is ready.
//   kUnavailable  another process writes to the project (WH8001), the port is taken (WH8002)
int Serve(const command::Invocation& invocation, command::Streams& streams);
}  // namespace weirhouse::daemon
