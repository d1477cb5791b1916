#include "work/project/project_head.h"

#include <filesystem>

#include "ground/platform/io/local_store.h"
#include "work/project/project_file.h"

namespace weirhouse::work {
Result<std::shared_ptr<const ProjectDefinition>> LoadProjectHead(const std::string& root,
                                                                 const std::string& profile) {
  auto project = std::make_shared<ProjectDefinition>();
  project->root = std::filesystem::path(root + "/").lexically_normal().parent_path().string();
  const std::string name = "weirhouse.yaml";
  WEIRHOUSE_TRY(const std::string text, platform::LocalStore().Read(project->root + "/" + name));
  WEIRHOUSE_TRY_STATUS(ParseProjectFile(text, name, profile, *project));
  return std::shared_ptr<const ProjectDefinition>(std::move(project));
}
}  // namespace weirhouse::work
