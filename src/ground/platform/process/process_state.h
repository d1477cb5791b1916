// Describes other processes, for messages. Reads /proc; if the process has ended, only its number
// is known. Threads: any.
#pragma once

#include <sys/types.h>

#include <string>

namespace weirhouse::platform {

// "process 4711 (wh serve)", followed by "stopped" if it is.
std::string DescribeProcess(pid_t pid);
// Whether the process is stopped by a signal (SIGSTOP, Ctrl-Z) or a debugger.
bool IsStopped(pid_t pid);
}  // namespace weirhouse::platform
