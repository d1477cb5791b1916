// Delivers by running a command of the project, which finds the event as its input.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "work/events/target.h"

namespace weirhouse::work {

struct CommandTargetOptions {
  std::vector<std::string> argv;
  std::string folder;    // where it runs
  std::string log_path;  // what it writes is appended; the newest 8 MiB are kept twice
  std::chrono::milliseconds time_limit = std::chrono::seconds(10);
};
// Delivered once the command ends with 0. Any other end is tried again: a command says nothing of
// whether it will do better.
std::unique_ptr<Target> MakeCommandTarget(CommandTargetOptions options);
}  // namespace weirhouse::work
