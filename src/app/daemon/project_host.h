// The project that the daemon holds open, shared by its working thread and its HTTP workers. It is
// always served by the definitions last applied, whatever the files say.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "app/command/host_verb.h"
#include "ground/base/status.h"
#include "work/serving/predictions.h"
#include "work/training/modeling.h"
#include "work/workspace/workspace.h"

namespace weirhouse::daemon {

// Threads: any. What a Lease points to stays open while the Lease lives.
class ProjectHost {
 public:
  using Say = std::function<void(std::string_view line)>;
  // Takes the project's lock. Errors as work::OpenAsApplied. Calls `say` with a line about files
  // that differ from what is served and about a cache that was damaged; from any thread.
  static Result<std::unique_ptr<ProjectHost>> Open(const std::string& root,
                                                   const std::string& profile, Say say);

  class Lease {
   public:
    command::Host* host() { return &host_; }
    work::Workspace& workspace() { return *host_.workspace; }
    work::PredictionService& predictions() { return *host_.predictions; }

   private:
    friend class ProjectHost;
    Lease(std::shared_lock<std::shared_mutex> lock, command::Host host)
        : lock_(std::move(lock)), host_(std::move(host)) {}
    std::shared_lock<std::shared_mutex> lock_;
    command::Host host_;
  };
  //   kUnavailable  the project could not be opened again (WH8046); the host keeps trying
  Result<Lease> Take();

  // ---- A user's command. Called only by the working thread, which replaces what is open.
  // Reads the project's files again. If they define what was applied, their settings are adopted;
  // else they are kept beside what is served, for the verb that applies them.
  //   kConflict (WH8032)  weirhouse.yaml names another warehouse or catalog
  //   errors of the files
  Status Refresh();
  // What the command works with until EndCommand. Errors as Take.
  Result<command::Host> HostOfCommand();
  void EndCommand();

  // Opens the project again, which rebuilds a cache whose damage was noted. Waits until all leases
  // are returned, so a holder of a lease must not call it.
  Status Renew();
  // For readers that cannot wait: notes the damage and has OnDamage's `ask` called to repair it.
  void NoteDamage(const Status& damage);
  void AskForMending();
  // `ask` returns false if it cannot arrange the repair now.
  void OnDamage(std::function<bool()> ask) { ask_ = std::move(ask); }

  // Whether the state folder is the one that was opened: kUnavailable WH7069 if it was removed,
  // moved or replaced.
  Status CheckPlace();
  // Another process writes to the project, or its catalog is gone: this process can commit nothing
  // more.
  void NoteIfReplaced(const Status& status);
  void NoteReplaced();
  void OnReplaced(std::function<void()> replaced) { replaced_ = std::move(replaced); }

  const std::string& root() const { return root_; }

 private:
  ProjectHost(std::string root, std::string profile, Say say)
      : root_(std::move(root)), profile_(std::move(profile)), say_(std::move(say)) {}
  using ProjectPtr = std::shared_ptr<const work::ProjectDefinition>;
  using WorkspacePtr = std::unique_ptr<work::Workspace>;
  using Opening = std::function<Result<WorkspacePtr>()>;
  Status OpenBy(const Opening& opening);
  Result<WorkspacePtr> OpenFromFiles();
  // With mutex_ held alone.
  Status Reopen(const Opening& opening);
  // Serves the open project by other definitions from now on.
  void TakeUp(const ProjectPtr& project);
  Status Closed() const;  // with mutex_ held

  const std::string root_;
  const std::string profile_;
  const Say say_;
  std::function<bool()> ask_;
  std::function<void()> replaced_;
  std::atomic<bool> asked_{false};
  std::shared_mutex mutex_;
  Status closed_;                                   // why there is no workspace; guarded by mutex_
  WorkspacePtr workspace_;                          // guarded by mutex_
  std::pair<std::uint64_t, std::uint64_t> folder_;  // its state folder's; guarded by mutex_
  std::unique_ptr<work::PredictionService> predictions_;  // guarded by mutex_
  // State of the current command: the files, if they differ, and what was served when it began.
  WorkspacePtr files_;
  WorkspacePtr before_;
  work::Draft draft_;
  bool opened_on_draft_ =
      false;  // the settings of a draft are served; used by the working thread alone
};
}  // namespace weirhouse::daemon
