#include "work/workspace/project_applied.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "ground/base/text.h"
#include "work/project/project_head.h"
#include "work/workspace/applied.h"

namespace weirhouse::work {
namespace {
using ProjectPtr = std::shared_ptr<const ProjectDefinition>;
constexpr std::size_t kPathsToldMax = 5;
constexpr Reason kNoCodeKept{"WH2009"};

std::string Placed(const std::optional<SourceSpan>& span, const std::string& message) {
  const std::string said = EscapeControl(message);
  if (!span) return said;
  return fmt::format("{}:{}:{}: {}", EscapeControl(span->path), span->line, span->column, said);
}

// Where the state is, and whom an event is told, is as weirhouse.yaml says now: neither changes
// what any data mean.
ProjectPtr WithSettings(const ProjectPtr& applied, const ProjectDefinition& files) {
  auto project = std::make_shared<ProjectDefinition>(*applied);
  project->profile.warehouse = files.profile.warehouse;
  project->profile.catalog_url = files.profile.catalog_url;
  project->alerts = files.alerts;
  project->notify = files.notify;
  return project;
}

Result<std::optional<std::string>> AppliedKey(Workspace& workspace) {
  return catalog::setting::AppliedCode().In(workspace.catalog());
}

Result<ProjectPtr> ChooseApplied(Workspace& workspace, const ProjectFiles& files, Draft& draft) {
  draft = Draft{files.refused, {}, {}, {}};
  if (files.refused.ok()) {
    WEIRHOUSE_TRY(const std::optional<std::string> key, AppliedKey(workspace));
    if (key && *key == CodeKey(files.project->code)) return files.project;
    WEIRHOUSE_TRY(const Standing standing, StandingOf(workspace, *files.project));
    if (standing != Standing::kDiffers) return files.project;
    draft.differs = NotApplied(standing);
  }
  auto applied = LoadApplied(workspace, *files.project);
  if (!applied.ok() && !files.refused.ok()) return files.refused;  // what must be mended first
  if (!applied.ok()) {
    draft.lost = applied.status();
    return files.project;
  }
  if (files.refused.ok()) draft.changed = ChangedFiles(**applied, *files.project);
  return applied;
}
}  // namespace

Status Draft::Damage() const {
  if (lost.ok() || lost.Is(kNoCodeKept)) return Status();
  return Status(lost).WithHint(
      "put the files back as they were applied, or apply them as they are");
}

std::string Draft::Story() const {
  if (!refused.ok()) {
    std::string told = Placed(refused.span(), refused.message());
    for (const Diagnostic& one : refused.diagnostics())
      told += "\n  " + Placed(one.span, one.message);
    return told;
  }
  if (differs.ok()) return "";
  if (lost.ok()) return changed;
  return "a version that kept no copy of its definitions applied them: the files are used";
}

Result<ProjectFiles> LoadProjectFiles(const std::string& root, const std::string& profile) {
  auto project = LoadProject(root, profile);
  if (project.ok()) return ProjectFiles{std::move(project).value(), Status()};
  auto head = LoadProjectHead(root, profile);
  if (!head.ok()) return project.status();
  return ProjectFiles{std::move(head).value(), project.status()};
}

Result<std::unique_ptr<Workspace>> OpenAsApplied(const ProjectFiles& files, Access access,
                                                 Draft* draft) {
  auto opened = Workspace::Open(files.project, access, [&](Workspace& workspace) {
    return ChooseApplied(workspace, files, *draft);
  });
  // Nothing can be shown in the place of what must be mended first.
  if (!opened.ok() && !files.refused.ok() && !opened.status().Is(kProjectHeld))
    return files.refused;
  return opened;
}

Result<ProjectPtr> LoadApplied(Workspace& workspace, const ProjectDefinition& files) {
  WEIRHOUSE_TRY(const std::optional<std::string> key, AppliedKey(workspace));
  if (!key) {
    return Status(Code::kNotFound, "nothing was applied yet: " + files.root).WithError(kNoCodeKept);
  }
  WEIRHOUSE_TRY(auto code, LoadCode(workspace, *key));
  auto project = ProjectOfCode(files.root, files.profile.name, std::move(code));
  if (!project.ok())
    return std::move(project.status()).WithContext("what was applied last cannot be read");
  if (CodeKey((*project)->code) != *key) {
    return Status(Code::kCorruption,
                  fmt::format("the code that was applied is stored otherwise: {}, now {}", *key,
                              CodeKey((*project)->code)))
        .WithError("WH2024");
  }
  return WithSettings(*project, files);
}

Status RequireSamePlace(const ProjectDefinition& served, const ProjectDefinition& files) {
  if (files.profile.warehouse == served.profile.warehouse &&
      files.profile.catalog_url == served.profile.catalog_url)
    return Status();
  return Status(Code::kConflict,
                fmt::format("weirhouse.yaml says now that the warehouse or the catalog is "
                            "elsewhere, and the daemon serves the one it was started with: {}",
                            served.profile.warehouse))
      .WithError("WH8032")
      .WithHint("stop the daemon, or put it back");
}

std::string ChangedFiles(const ProjectDefinition& applied, const ProjectDefinition& files) {
  std::set<std::string> paths;
  const auto note = [&](const ProjectDefinition& one, const ProjectDefinition& other) {
    for (const auto& [path, bytes] : one.files) {
      const auto found = other.files.find(path);
      if (found != other.files.end() && found->second == bytes) continue;
      paths.insert(path.starts_with("seed:") ? path.substr(5) : path);
    }
  };
  note(applied, files);
  note(files, applied);
  std::vector<std::string> told;
  for (const std::string& path : paths) {
    if (told.size() < kPathsToldMax) told.push_back(EscapeControl(path));
  }
  const std::size_t more = paths.size() - told.size();
  return Join(told, ", ") + (more == 0 ? "" : fmt::format(" and {} more", more));
}
}  // namespace weirhouse::work
