// The project that the daemon holds open, shared by its working thread and its HTTP workers. It is
// served by the definitions that were applied last, from the start on, whatever the files say.
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

// Threads: any. While somebody holds a Lease, what it points to stays open.
class ProjectHost {
 public:
  using Say = std::function<void(std::string_view line)>;
  // Takes the project's lock. Errors as work::OpenAsApplied. `say` is told of files that differ from
  // what is served, and of a cache that was damaged; from any thread.
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
  //   kUnavailable  the project could not be opened again (WH8046); it is being tried
  Result<Lease> Take();

  // ---- A command of a person. From the thread alone that replaces what is open.
  // Reads the project's files again. Where they define what was applied, their settings are taken
  // up; else they stand beside what is served, for the verb that applies them.
  //   kConflict (WH8032)  weirhouse.yaml says that the state is elsewhere
  //   errors of the files
  Status Refresh();
  // What the command works with, until EndCommand. Errors as Take.
  Result<command::Host> HostOfCommand();
  void EndCommand();

  // Opens the project anew as it is, which mends a cache whose damage was noted. Waits until nobody
  // has a lease: never to be called by somebody who has one.
  Status Renew();
  // For those who only read and cannot wait: notes the damage, and has `ask` see to it.
  void NoteDamage(const Status& damage);
  void AskForMending();
  // `ask` is false where it cannot be seen to now.
  void OnDamage(std::function<bool()> ask) { ask_ = std::move(ask); }

  // Whether the state folder is the one that was opened: kUnavailable WH7069 if it was removed,
  // moved or replaced.
  Status CheckPlace();
  // Another process writes to the project, or its catalog is gone: nothing more of this one counts.
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
  // Serves what is open by other definitions from now on.
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
  // Of the command at hand: the files, where they differ; and what was served when it began.
  WorkspacePtr files_;
  WorkspacePtr before_;
  work::Draft draft_;
  bool opened_on_draft_ = false;  // served are the settings of a draft; of the working thread
};
}  // namespace weirhouse::daemon
