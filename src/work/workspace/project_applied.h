// By which definitions a project is worked: those that were applied last, whatever its files say
// meanwhile. The one place that decides it, for verbs and for the daemon.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The project's files as they stand.
struct ProjectFiles {
  std::shared_ptr<const ProjectDefinition> project;  // weirhouse.yaml alone where `refused` says so
  Status refused;                                    // what is wrong with the others
};
// Errors of weirhouse.yaml, which says where the catalog is. Cost: LoadProject's.
Result<ProjectFiles> LoadProjectFiles(const std::string& root, const std::string& profile);

// How what a project is worked by stands to its files.
struct Draft {
  Status refused;       // of the files: what was applied is worked by
  Status differs;       // WH2020: they are right and say something else; the same
  std::string changed;  // "gates/t.yaml, seeds/zone.csv": where they do
  Status lost;          // why what was applied cannot be had: the files are worked by
  bool any() const { return !refused.ok() || !differs.ok(); }
  // Nothing may be read by other definitions because those that were applied are damaged: `lost`,
  // unless they were never kept.
  Status Damage() const;
  // One line for people; empty where nothing is to be said.
  std::string Story() const;
};

// Opens the project by the definitions that were applied last. Where the files say the same, or
// nothing was applied yet, those are the files'; of what `apply` does not register (alerts, places,
// models, Python) the files' are taken then. Where they differ, what was applied is read from the
// code that is kept: its cost is that of reading the files once more.
// Errors: Workspace::Open's; those of the files where nothing else can be shown.
Result<std::unique_ptr<Workspace>> OpenAsApplied(const ProjectFiles& files, Access access,
                                                 Draft* draft);

// The definitions that were applied last, of a workspace that is open; `files` say where its state
// is, and its alerts. kNotFound (WH2009): by a version that kept none; kCorruption (WH2024): what
// is stored is not what was applied.
Result<std::shared_ptr<const ProjectDefinition>> LoadApplied(Workspace& workspace,
                                                             const ProjectDefinition& files);
// Whether the state of `files` is that of `served`.
//   kConflict (WH8032)  weirhouse.yaml says now that the warehouse or the catalog is elsewhere
Status RequireSamePlace(const ProjectDefinition& served, const ProjectDefinition& files);
// Paths of the definition files that differ, the first few by name.
std::string ChangedFiles(const ProjectDefinition& applied, const ProjectDefinition& files);
}  // namespace weirhouse::work
