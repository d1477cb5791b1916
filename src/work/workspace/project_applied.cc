#include "work/workspace/project_applied.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "work/project/project.h"
#include "work/project/project_head.h"
#include "work/workspace/applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {
Result<std::shared_ptr<const ProjectDefinition>> LoadAppliedProject(const std::string& root,
                                                                    const std::string& profile) {
  WEIRHOUSE_TRY(const auto head, LoadProjectHead(root, profile));
  WEIRHOUSE_TRY(const auto workspace, Workspace::Open(head, Access::kRead));
  WEIRHOUSE_TRY(const std::optional<nlohmann::json> key,
                workspace->catalog().Setting(std::string(kAppliedCodeSetting)));
  if (!key || !key->is_string()) {
    return Status(Code::kNotFound, "nothing was applied yet: " + root).WithError("WH2009");
  }
  WEIRHOUSE_TRY(auto files, LoadCode(*workspace, key->get<std::string>()));
  WEIRHOUSE_TRY(auto project, ProjectOfCode(root, profile, std::move(files)));
  if (CodeKey(project->code) != key->get<std::string>()) {
    return Status(Code::kCorruption,
                  fmt::format("the code that was applied is stored otherwise: {}, now {}",
                              key->get<std::string>(), CodeKey(project->code)))
        .WithError("WH2024");
  }
  return project;
}
}  // namespace weirhouse::work
