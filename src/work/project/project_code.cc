#include "work/project/project_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "ground/base/text.h"
#include "ground/platform/io/local_store.h"
#include "rules/model/inputs.h"

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;
constexpr int kDepthMax = 16;

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

bool HasWord(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !IsWordByte(text[at - 1])) && (end == text.size() || !IsWordByte(text[end])))
      return true;
  }
  return false;
}

class PackageReader {
 public:
  explicit PackageReader(ProjectDefinition& project) : project_(project), root_(project.root) {
    for (const Source& source : project.sources) {
      if (source.topic.empty()) LeaveOut(source.landing);
    }
    LeaveOut(project.profile.warehouse);
  }

  Status Read() {
    std::vector<std::string> folders;
    std::error_code error;
    fs::directory_iterator entries(root_, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const std::string name = entries->path().filename().string();
      if (entries->is_directory(error) && IsReadable(name, entries->path()))
        folders.push_back(name);
    }
    std::sort(folders.begin(), folders.end());
    // The files in one folder may name the next.
    for (bool more = true; more;) {
      more = false;
      for (std::string& folder : folders) {
        if (folder.empty() || !IsNamed(folder)) continue;
        WEIRHOUSE_TRY_STATUS(ReadFolder(std::exchange(folder, std::string()), 1));
        more = true;
      }
    }
    return Status();
  }

 private:
  void LeaveOut(const std::string& path) {
    left_out_.insert((fs::path(root_) / path / "").lexically_normal().parent_path().string());
  }
  bool IsReadable(const std::string& name, const fs::path& path) const {
    std::error_code error;
    return name[0] != '.' && name != "__pycache__" && name != "node_modules" && IsValidUtf8(name) &&
           left_out_.count(path.string()) == 0 && !fs::exists(path / "pyvenv.cfg", error);
  }
  bool IsNamed(const std::string& folder) const {
    return std::any_of(project_.files.begin(), project_.files.end(), [&](const auto& file) {
      const std::string& path = file.first;
      return (path.ends_with(".py") || path.starts_with("models/")) && HasWord(file.second, folder);
    });
  }

  Status ReadFolder(const std::string& relative, int depth) {
    const fs::path folder = fs::path(root_) / relative;
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error || depth > kDepthMax || !seen_.insert(real.string()).second) return Status();
    std::vector<std::pair<std::string, bool>> names;  // with whether it is a folder
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      std::error_code unused;
      names.emplace_back(entries->path().filename().string(), entries->is_directory(unused));
    }
    if (error) {
      return Status(Code::kUnavailable, fmt::format("could not read the project's folder \"{}\": "
                                                    "{}",
                                                    EscapeControl(relative), error.message()))
          .WithError("WH7015")
          .WithHint("check the disk, and that this user may read the folder");
    }
    std::sort(names.begin(), names.end());
    for (const auto& [name, is_folder] : names) {
      const std::string path = relative + "/" + name;
      if (is_folder) {
        if (IsReadable(name, folder / name)) WEIRHOUSE_TRY_STATUS(ReadFolder(path, depth + 1));
      } else if (name.ends_with(".py") && name[0] != '.' && IsValidUtf8(name)) {
        WEIRHOUSE_TRY_STATUS(ReadFile(path));
      }
    }
    return Status();
  }

  Status ReadFile(const std::string& path) {
    if (project_.files.size() >= kDefinitionFilesMax) {
      return Status(Code::kInvalidInput, fmt::format("more than {} definition files: {}",
                                                     kDefinitionFilesMax, project_.root))
          .WithError("WH2033")
          .WithHint("Python files below folders that the code names are part of it: \"" + path +
                    "\" is one too many");
    }
    auto bytes = platform::LocalStore().Read(root_ + "/" + path);
    if (!bytes.ok()) return std::move(bytes.status()).WithContext("could not read a Python file");
    project_.files[path] = std::move(bytes).value();
    return Status();
  }

  ProjectDefinition& project_;
  const std::string root_;
  std::set<std::string> left_out_;  // absolute
  std::set<std::string> seen_;      // canonical
};
}  // namespace

Status ReadPackages(ProjectDefinition& project) { return PackageReader(project).Read(); }

Result<std::vector<std::string>> InputsOf(const ProjectDefinition& project,
                                          const std::string& model) {
  for (auto at = project.files.lower_bound("models/");
       at != project.files.end() && at->first.starts_with("models/"); ++at) {
    if (at->first.ends_with(".py")) continue;
    WEIRHOUSE_TRY(std::vector<std::string> inputs,
                  model::ParseInputs(at->second, at->first, model));
    if (!inputs.empty()) return inputs;
  }
  return std::vector<std::string>();
}

std::set<std::string> CodeFiles(const ProjectDefinition& project) {
  std::set<std::string> files;
  for (const auto& [path, bytes] : project.files) {
    if (!path.starts_with("seed:")) files.insert(path);
  }
  for (const Seed& seed : project.seeds) files.insert(seed.path);
  return files;
}
}  // namespace weirhouse::work
