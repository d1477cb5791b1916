#include "app/daemon/project_host.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "work/serving/predictions.h"
#include "work/workspace/cache_damage.h"

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
  WEIRHOUSE_TRY(auto project, work::LoadProject(root, profile));
  std::unique_ptr<ProjectHost> host(new ProjectHost(root, profile, std::move(say)));
  WEIRHOUSE_TRY_STATUS(host->OpenWith(std::move(project)));
  return host;
}

Status ProjectHost::OpenWith(ProjectPtr project) {
  WEIRHOUSE_TRY(auto workspace, work::Workspace::Open(std::move(project), work::Access::kWrite));
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
      .WithError(std::string(command::kMovedError))
      .WithHint("put back what was there, or go to where it is now, and start again");
}

Result<ProjectHost::Lease> ProjectHost::Take() {
  std::shared_lock lock(mutex_);
  if (workspace_ != nullptr) return Lease(std::move(lock), {workspace_.get(), predictions_.get()});
  const Status why = closed_;
  lock.unlock();
  AskForMending();
  return Status(
             Code::kUnavailable,
             fmt::format("the project is closed, it could not be opened again: {}", why.message()))
      .WithError("WH8046")
      .WithHint("the daemon goes on trying: mend what keeps it from the project");
}

Status ProjectHost::Refresh() {
  WEIRHOUSE_TRY(auto project, work::LoadProject(root_, profile_));
  const std::unique_lock lock(mutex_);
  if (workspace_ != nullptr && workspace_->project().code == project->code) return Status();
  return Reopen(project);
}

Status ProjectHost::Reopen(const ProjectPtr& project) {
  // The lock of the project and of RocksDB's folder are the old workspace's: it goes first. Another
  // process may slip in between for as long as a verb lasts.
  predictions_.reset();
  workspace_.reset();
  for (int attempt = 0; attempt < kReopenAttemptsMax; ++attempt) {
    closed_ = OpenWith(project);
    if (closed_.error_code() != "WH8001") break;
    std::this_thread::sleep_for(kReopenEvery);
  }
  return closed_;
}

Status ProjectHost::Renew() {
  asked_ = false;
  const std::unique_lock lock(mutex_);
  ProjectPtr project = workspace_ == nullptr ? nullptr : workspace_->shared_project();
  if (project == nullptr) {
    WEIRHOUSE_TRY(project, work::LoadProject(root_, profile_));
  }
  return Reopen(project);
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
