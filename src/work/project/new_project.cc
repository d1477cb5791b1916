#include "work/project/new_project.h"

#include <fmt/format.h>

#include <utility>

#include "ground/platform/io/local_store.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kIgnored = ".weirhouse/\nlanding/\n__pycache__/\n";
constexpr std::size_t kNameLettersMax = 64;
}  // namespace

bool IsProjectName(std::string_view name) {
  if (name.empty() || name.size() > kNameLettersMax) return false;
  return name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
         std::string_view::npos;
}

Status WriteEmptyProject(const std::string& folder, const std::string& name) {
  platform::ObjectStore& store = platform::LocalStore();
  const std::string text = fmt::format(
      "name: {}\nversion: 1\nclock: wall     # now is the time of this machine; `replay` = the end "
      "of the latest batch\nsources: {{}}\n",
      name);
  for (const char* sub : {"contracts", "processed", "gates", "features", "training_sets", "models"})
    WEIRHOUSE_TRY_STATUS(store.MakeFolder(folder + "/" + sub));
  for (const auto& [path, bytes] :
       {std::pair<std::string, std::string>{folder + "/.gitignore", std::string(kIgnored)},
        {folder + "/weirhouse.yaml", text}}) {
    WEIRHOUSE_TRY_STATUS(store.PutIfAbsent(path, bytes, 0644).status());
  }
  return Status();
}
}  // namespace weirhouse::work
