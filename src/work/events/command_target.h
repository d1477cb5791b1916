// Delivers events by running a command of the project, which reads the event from its input.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "work/events/target.h"

namespace weirhouse::work {

struct CommandTargetOptions {
  std::vector<std::string> argv;
  std::string folder;    // where it runs
  std::string log_path;  // the command's output is appended; up to two files of 8 MiB are kept
  std::chrono::milliseconds time_limit = std::chrono::seconds(10);
};
// Delivered if the command exits with 0. Any other end is tried again: the exit code does not tell
// whether another try can succeed.
std::unique_ptr<Target> MakeCommandTarget(CommandTargetOptions options);
}  // namespace weirhouse::work
