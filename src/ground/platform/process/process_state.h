// What the kernel says of another process, for messages.
#pragma once

#include <sys/types.h>

#include <string>

namespace weirhouse::platform {

// "process 4711 (wh serve)", with "stopped" behind it where it is.
std::string StoryOfProcess(pid_t pid);
// Whether a signal (SIGSTOP, Ctrl-Z) or a debugger holds it.
bool IsStopped(pid_t pid);
}  // namespace weirhouse::platform
