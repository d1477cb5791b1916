// The lock that keeps two writers out of one project.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"

namespace weirhouse::work {

// Another process writes to the project.
inline constexpr Reason kProjectHeld{"WH8001"};

// Holds the lock while it lives. It consists of two advisory locks of the kernel: one on the state
// folder itself, which cannot be removed from under it, and one on `lock` in the folder, which
// holds the process id for people. So removing or replacing `lock` lets no one in.
// Threads: any.
class ProjectLock {
 public:
  // Does not wait.
  //   kUnavailable (WH8001)  another process has the lock: the message names it, tells whether it
  //   is
  //                          stopped (SIGSTOP), and what can be done
  static Result<std::unique_ptr<ProjectLock>> Take(const std::string& state_folder);
  ~ProjectLock();
  ProjectLock(const ProjectLock&) = delete;
  ProjectLock& operator=(const ProjectLock&) = delete;

 private:
  ProjectLock(int folder, int file) : folder_(folder), file_(file) {}
  const int folder_;
  const int file_;
};
}  // namespace weirhouse::work
