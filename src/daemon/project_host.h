// The project that the daemon holds open, shared by its working thread and its HTTP workers.
// Private to daemon/.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>

#include "base/status.h"
#include "command/command.h"
#include "engine/modeling.h"
#include "engine/workspace.h"

namespace weirhouse::daemon {

// Threads: any. While somebody holds a Lease, what it points to stays open.
class ProjectHost {
 public:
  // Takes the project's lock. Errors as engine::LoadProject and Workspace::Open.
  static Result<std::unique_ptr<ProjectHost>> Open(const std::string& root,
                                                   const std::string& profile);

  class Lease {
   public:
    command::Host* host() { return &host_; }
    engine::Workspace& workspace() { return *host_.workspace; }
    engine::PredictionService& predictions() { return *host_.predictions; }

   private:
    friend class ProjectHost;
    Lease(std::shared_lock<std::shared_mutex> lock, command::Host host)
        : lock_(std::move(lock)), host_(host) {}
    std::shared_lock<std::shared_mutex> lock_;
    command::Host host_;
  };
  //   kUnavailable  the project could not be opened again after its files changed (WH8046)
  Result<Lease> Take();

  // Reads the project's files again and, if they changed, opens it with them. What was open stays
  // open if they are wrong.
  Status Refresh();

  const std::string& root() const { return root_; }

 private:
  ProjectHost(std::string root, std::string profile)
      : root_(std::move(root)), profile_(std::move(profile)) {}
  Status OpenWith(std::shared_ptr<const engine::ProjectDefinition> project);

  const std::string root_;
  const std::string profile_;
  std::shared_mutex mutex_;
  std::unique_ptr<engine::Workspace> workspace_;            // guarded by mutex_
  std::unique_ptr<engine::PredictionService> predictions_;  // guarded by mutex_
};
}  // namespace weirhouse::daemon
