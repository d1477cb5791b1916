#include "app/daemon/project_host.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "work/serving/predictions.h"
#include "work/workspace/applied.h"
#include "work/workspace/cache_damage.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::daemon {
namespace {
constexpr int kReopenAttemptsMax = 50;
constexpr std::chrono::milliseconds kReopenEvery{100};

// Device and inode; zeros where nothing is.
std::pair<std::uint64_t, std::uint64_t> FolderAt(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return {0, 0};
  return {found.st_dev, found.st_ino};
}
}  // namespace

Result<std::unique_ptr<ProjectHost>> ProjectHost::Open(const std::string& root,
                                                       const std::string& profile, Say say) {
  std::unique_ptr<ProjectHost> host(new ProjectHost(root, profile, std::move(say)));
  WEIRHOUSE_TRY_STATUS(host->OpenBy([&] { return host->OpenFromFiles(); }));
  return host;
}

Result<ProjectHost::WorkspacePtr> ProjectHost::OpenFromFiles() {
  WEIRHOUSE_TRY(const work::ProjectFiles files, work::LoadProjectFiles(root_, profile_));
  work::Draft draft;
  WEIRHOUSE_TRY(WorkspacePtr workspace, work::OpenAsApplied(files, work::Access::kWrite, &draft));
  WEIRHOUSE_TRY_STATUS(draft.Damage());
  opened_on_draft_ = draft.any();
  if (!draft.refused.ok()) {
    say_("warning: served is the project as it was applied last; its files have errors: " +
         draft.Story());
  } else if (!draft.differs.ok() && draft.lost.ok()) {
    say_("warning: served is the project as it was applied last; its files differ from that: " +
         draft.Story());
  } else if (!draft.differs.ok()) {
    say_("warning: the project's files differ from what was applied last, and " + draft.Story());
  }
  return workspace;
}

Status ProjectHost::OpenBy(const Opening& opening) {
  WEIRHOUSE_TRY(WorkspacePtr workspace, opening());
  auto predictions = std::make_unique<work::PredictionService>(*workspace);
  const std::string mended = work::TakeMendedLine(workspace->state_folder());
  if (!mended.empty()) say_(mended);
  folder_ = FolderAt(workspace->state_folder());
  workspace_ = std::move(workspace);
  predictions_ = std::move(predictions);
  return Status();
}

Status ProjectHost::CheckPlace() {
  const std::string folder = root_ + "/.weirhouse";
  const std::shared_lock lock(mutex_);
  if (workspace_ == nullptr || FolderAt(folder) == folder_) return Status();
  return Status(Code::kUnavailable,
                fmt::format("the project's state was removed, moved or replaced: {}", folder))
      .WithError(catalog::kCatalogMoved)
      .WithHint("put back what was there, or go to where it is now, and start again");
}

Status ProjectHost::Closed() const {
  return Status(Code::kUnavailable,
                fmt::format("the project is closed, it could not be opened again: {}",
                            closed_.message()))
      .WithError("WH8046")
      .WithHint("the daemon goes on trying: mend what keeps it from the project");
}

Result<ProjectHost::Lease> ProjectHost::Take() {
  std::shared_lock lock(mutex_);
  if (workspace_ != nullptr)
    return Lease(std::move(lock), {workspace_.get(), predictions_.get(), nullptr, {}, {}});
  Status closed = Closed();
  lock.unlock();
  AskForMending();
  return closed;
}

Result<command::Host> ProjectHost::HostOfCommand() {
  const std::shared_lock lock(mutex_);
  if (workspace_ == nullptr) return Closed();
  command::Host host{workspace_.get(), predictions_.get(), files_.get(), draft_, {}};
  if (files_ != nullptr) host.registered = [this] { TakeUp(files_->shared_project()); };
  return host;
}

void ProjectHost::EndCommand() {
  files_.reset();
  before_.reset();
  draft_ = {};
}

Status ProjectHost::Refresh() {
  EndCommand();
  WEIRHOUSE_TRY(const work::ProjectFiles files, work::LoadProjectFiles(root_, profile_));
  WEIRHOUSE_TRY_STATUS(files.refused);
  if (workspace_ == nullptr) {
    const std::unique_lock lock(mutex_);
    WEIRHOUSE_TRY_STATUS(Reopen([&] { return OpenFromFiles(); }));
  }
  const work::ProjectDefinition& served = workspace_->project();
  if (files.project->code == served.code && !opened_on_draft_) return Status();
  WEIRHOUSE_TRY_STATUS(work::RequireSamePlace(served, *files.project));
  WEIRHOUSE_TRY(const work::Standing standing, work::StandingOf(*workspace_, *files.project));
  if (standing != work::Standing::kDiffers) {
    TakeUp(files.project);
    opened_on_draft_ = false;
    return Status();
  }
  draft_.differs = work::NotApplied(standing);
  draft_.changed = work::ChangedFiles(served, *files.project);
  files_ = workspace_->With(files.project);
  return Status();
}

void ProjectHost::TakeUp(const ProjectPtr& project) {
  const std::unique_lock lock(mutex_);
  predictions_.reset();
  WorkspacePtr next = workspace_->With(project);
  before_ = std::exchange(workspace_, std::move(next));  // a command may be at work with it
  predictions_ = std::make_unique<work::PredictionService>(*workspace_);
}

Status ProjectHost::Reopen(const Opening& opening) {
  // The lock of the project and of RocksDB's folder are the old workspace's: it goes first. Another
  // process may slip in between for as long as a verb lasts.
  predictions_.reset();
  EndCommand();
  workspace_.reset();
  for (int attempt = 0; attempt < kReopenAttemptsMax; ++attempt) {
    closed_ = OpenBy(opening);
    if (!closed_.Is(work::kProjectHeld)) break;
    std::this_thread::sleep_for(kReopenEvery);
  }
  return closed_;
}

Status ProjectHost::Renew() {
  asked_ = false;
  const std::unique_lock lock(mutex_);
  const ProjectPtr served = workspace_ == nullptr ? nullptr : workspace_->shared_project();
  if (served == nullptr) return Reopen([&] { return OpenFromFiles(); });
  return Reopen([&] { return work::Workspace::Open(served, work::Access::kWrite); });
}

void ProjectHost::NoteDamage(const Status& damage) {
  work::NoteCacheDamage(root_ + "/.weirhouse", damage)
      .Ignore("whoever comes upon it next notes it");
  AskForMending();
}

void ProjectHost::NoteIfReplaced(const Status& status) {
  if (command::EndsWriter(status)) NoteReplaced();
}

void ProjectHost::NoteReplaced() {
  if (replaced_) replaced_();
}

void ProjectHost::AskForMending() {
  if (ask_ && !asked_.exchange(true) && !ask_()) asked_ = false;
}
}  // namespace weirhouse::daemon
