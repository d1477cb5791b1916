// Decides which definitions a project works with: those last applied, whatever its files say now.
// The only place that decides it, for verbs and for the daemon.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The project's files as they are now.
struct ProjectFiles {
  std::shared_ptr<const ProjectDefinition>
      project;     // weirhouse.yaml alone if `refused` is an error
  Status refused;  // the errors of the other files
};
// Errors: those of weirhouse.yaml, which names the catalog. Cost: LoadProject's.
Result<ProjectFiles> LoadProjectFiles(const std::string& root, const std::string& profile);

// How a project's files differ from the definitions that it works with.
struct Draft {
  Status refused;       // errors of the files: the applied definitions are used
  Status differs;       // WH2020: the files are valid and differ: the applied definitions are used
  std::string changed;  // the files that differ: "gates/t.yaml, seeds/zone.csv"
  Status lost;          // why the applied definitions cannot be read: the files are used
  bool any() const { return !refused.ok() || !differs.ok(); }
  // An error (`lost`) if the applied definitions are damaged, because then nothing may be read by
  // others; OK if they were never kept.
  Status Damage() const;
  // One line for people; empty if there is nothing to report.
  std::string Story() const;
};

// Opens the project by the definitions last applied. If the files are equal, or nothing was applied
// yet, those are the files'; and what `apply` does not register (alerts, places, models, Python)
// comes from the files. If the files differ, the applied definitions are read from the stored code,
// at the cost of reading the files again. Errors: those of Workspace::Open; those of the files if
// nothing else can be used.
Result<std::unique_ptr<Workspace>> OpenAsApplied(const ProjectFiles& files, Access access,
                                                 Draft* draft);

// The definitions last applied, for an open workspace; `files` say where its state is, and its
// alerts.
//   kNotFound (WH2009)    an earlier version applied them and kept no copy
//   kCorruption (WH2024)  the stored code is not what was applied
Result<std::shared_ptr<const ProjectDefinition>> LoadApplied(Workspace& workspace,
                                                             const ProjectDefinition& files);
// Whether the state of `files` is that of `served`.
//   kConflict (WH8032)  weirhouse.yaml names another warehouse or catalog now
Status RequireSamePlace(const ProjectDefinition& served, const ProjectDefinition& files);
// Paths of the definition files that differ; names the first few.
std::string ChangedFiles(const ProjectDefinition& applied, const ProjectDefinition& files);
}  // namespace weirhouse::work
