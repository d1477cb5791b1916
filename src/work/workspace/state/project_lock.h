// The lock that keeps two writers out of one project.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"

namespace weirhouse::work {

// Another process works on the project.
inline constexpr Reason kProjectHeld{"WH8001"};

// Held for as long as it lives. Owns two advisory locks of the kernel: one on the state folder
// itself, which nobody can take away from under it, and one on `lock` in there, which holds the
// process id for people. So a `lock` that was removed, or put there anew, lets nobody in.
// Threads: any.
class ProjectLock {
 public:
  // Does not wait.
  //   kUnavailable (WH8001)  another process has it: the message names it, says if it is stopped
  //                          (SIGSTOP), and what can be done
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
