#include "rules/model/inputs.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "ground/base/text.h"

namespace weirhouse::model {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;
constexpr std::size_t kInputFilesMax = 100'000;
constexpr std::size_t kUndeclaredMax = 1000;
constexpr std::size_t kHashBytes = 1 << 20;
constexpr std::string_view kLibrary = "libweirhouse_opened.so";

Status Unusable(const std::string& path, std::string_view why) {
  return Status(Code::kInvalidInput,
                fmt::format("the input \"{}\" cannot be used: {}", EscapeControl(path), why))
      .WithError("WH5028")
      .WithHint(
          "`inputs` of the model names files and folders, relative to the project or absolute");
}

Result<Digest> HashFile(const fs::path& path, const std::string& shown) {
  if (const std::optional<Digest> digest = DigestOfFile(path)) return *digest;
  return Unusable(shown, "it cannot be read");
}

Result<Digest> HashFolder(const fs::path& folder, const std::string& shown) {
  std::error_code error;
  std::map<std::string, fs::path> files;
  fs::recursive_directory_iterator entries(folder, fs::directory_options::follow_directory_symlink,
                                           error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (!entries->is_regular_file(error)) continue;
    if (files.size() == kInputFilesMax)
      return Unusable(shown, fmt::format("it holds more than {} files", kInputFilesMax));
    files[entries->path().lexically_relative(folder).generic_string()] = entries->path();
  }
  if (error) return Unusable(shown, error.message());
  Sha256 hash;
  for (const auto& [name, path] : files) {
    WEIRHOUSE_TRY(const Digest digest, HashFile(path, shown));
    hash.UpdateSized(name);
    hash.UpdateSized(digest.view());
  }
  return hash.Finish();
}

std::string RealPath(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return (error ? path : real).lexically_normal().string();
}

bool IsAtOrBelow(std::string_view path, std::string_view folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.remove_suffix(1);
  return !folder.empty() && path.starts_with(folder) &&
         (path.size() == folder.size() || folder == "/" || path[folder.size()] == '/');
}

// Whether the file belongs to the machine and its software, not to a training: installed programs,
// information from the kernel, how names and times are looked up.
bool IsOfMachine(std::string_view path) {
  static constexpr std::string_view kFolders[] = {"/usr",
                                                  "/lib",
                                                  "/lib32",
                                                  "/lib64",
                                                  "/bin",
                                                  "/sbin",
                                                  "/proc",
                                                  "/sys",
                                                  "/etc/ssl",
                                                  "/etc/ca-certificates",
                                                  "/etc/fonts",
                                                  "/etc/ld.so.conf",
                                                  "/etc/ld.so.conf.d",
                                                  "/etc/python3",
                                                  "/etc/python3.11",
                                                  "/etc/OpenCL",
                                                  "/etc/alternatives",
                                                  "/run/systemd",
                                                  "/run/resolvconf",
                                                  "/run/nscd",
                                                  "/var/cache/fontconfig"};
  static constexpr std::string_view kFiles[] = {
      "/etc/ld.so.cache",      "/etc/ld.so.preload", "/etc/localtime",
      "/etc/timezone",         "/etc/passwd",        "/etc/group",
      "/etc/nsswitch.conf",    "/etc/resolv.conf",   "/etc/hosts",
      "/etc/host.conf",        "/etc/gai.conf",      "/etc/services",
      "/etc/protocols",        "/etc/mime.types",    "/etc/os-release",
      "/etc/debian_version",   "/etc/lsb-release",   "/etc/machine-id",
      "/etc/hostname",         "/etc/locale.alias",  "/etc/apache2/mime.types",
      "/etc/httpd/mime.types", "/etc/inputrc"};
  if (path.starts_with("/dev/") && !path.starts_with("/dev/shm/")) return true;
  return std::any_of(std::begin(kFolders), std::end(kFolders),
                     [&](std::string_view folder) { return IsAtOrBelow(path, folder); }) ||
         std::find(std::begin(kFiles), std::end(kFiles), path) != std::end(kFiles);
}

// The path as it is recorded, or empty if it was given.
std::string NameOf(const std::string& path, const std::string& project, const Given& given,
                   const std::vector<std::string>& folders) {
  if (IsOfMachine(path)) return "";
  for (const std::string& folder : folders) {
    if (IsAtOrBelow(path, folder)) return "";
  }
  if (!IsAtOrBelow(path, project)) return path;
  std::string relative = path.substr(std::min(path.size(), project.size() + 1));
  if (given.code.count(relative) != 0 || relative.find("__pycache__/") != std::string::npos)
    return "";
  return relative;
}
}  // namespace

std::optional<Digest> DigestOfFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Sha256 hash;
  std::vector<char> buffer(kHashBytes);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.Update({buffer.data(), static_cast<std::size_t>(file.gcount())});
  }
  if (!file.eof()) return std::nullopt;
  return hash.Finish();
}

Result<std::map<std::string, std::string>> DigestInputs(const std::vector<std::string>& paths,
                                                        const std::string& project_folder) {
  std::map<std::string, std::string> digests;
  for (const std::string& path : paths) {
    const fs::path place = fs::path(project_folder) / path;  // an absolute path replaces the folder
    std::error_code error;
    const fs::file_status status = fs::status(place, error);
    if (fs::is_regular_file(status)) {
      WEIRHOUSE_TRY(const Digest digest, HashFile(place, path));
      digests[path] = digest.ToHex();
    } else if (fs::is_directory(status)) {
      WEIRHOUSE_TRY(const Digest digest, HashFolder(place, path));
      digests[path] = digest.ToHex();
    } else {
      return Unusable(path, fs::exists(status) ? "it is neither a file nor a folder"
                                               : "there is no such file or folder");
    }
  }
  return digests;
}

std::string OpenedFilesLibrary() {
  // Beside the library that holds this code, or beside the program that does.
  std::error_code error;
  std::vector<fs::path> folders;
  Dl_info here{};
  if (dladdr(kLibrary.data(), &here) != 0 && here.dli_fname != nullptr)
    folders.push_back(fs::absolute(here.dli_fname, error).parent_path());
  folders.push_back(fs::read_symlink("/proc/self/exe", error).parent_path());
  for (const fs::path& folder : folders) {
    for (const fs::path& place : {folder / kLibrary, folder / "../lib" / kLibrary}) {
      if (fs::is_regular_file(place, error)) return place.lexically_normal().string();
    }
  }
  return "";
}

Opened ParseOpened(std::string_view told) {
  Opened opened;
  std::set<std::string> made;
  std::set<std::string> places;
  std::string moved;
  std::string given;
  for (const std::string_view line : Split(told, '\n')) {
    if (line.empty()) continue;
    const std::string rest(line.substr(std::min<std::size_t>(2, line.size())));
    switch (line[0]) {
      case 'S':
        opened.told = true;
        break;
      case 'G':
        given = rest;
        continue;
      case 'R':
        if (made.count(rest) == 0) {
          std::set<std::string>& paths = opened.files[rest];
          if (!given.empty()) paths.insert(given);
        }
        break;
      case 'W':
        if (opened.files.count(rest) == 0) made.insert(rest);
        break;
      case 'M':
        moved = rest;
        break;
      case 'T':
        if (made.count(moved) != 0) made.insert(rest);
        break;
      case 'N':
        places.insert(rest);
        break;
      case '!':
        opened.complete = false;
        break;
      default:
        break;
    }
    given.clear();
  }
  opened.places.assign(places.begin(), places.end());
  return opened;
}

json Installed(const Opened& opened, const std::vector<std::string>& sites) {
  std::map<std::string, std::map<std::string, fs::path>> packages;  // name → file below its site
  std::error_code error;
  for (const auto& [path, spellings] : opened.files) {
    fs::path file = spellings.empty() ? path : *spellings.begin();
    // A compiled file records when its source was written, so the source is hashed instead.
    const std::string compiled = file.filename().string();
    if (file.extension() == ".pyc" && file.parent_path().filename() == "__pycache__") {
      file = file.parent_path().parent_path() / (compiled.substr(0, compiled.find('.')) + ".py");
      if (!fs::exists(file, error)) file = path;
    }
    if (file.extension() != ".py" && file.extension() != ".pyc") continue;
    for (const std::string& site : sites) {
      if (!IsAtOrBelow(file.string(), site)) continue;
      const std::string below = file.lexically_relative(site).generic_string();
      const std::string name = below.substr(0, below.find('/'));
      packages[name.substr(0, name.find(".py"))][below] = file;
      break;
    }
  }
  json digests = json::object();
  for (const auto& [name, files] : packages) {
    Sha256 hash;
    for (const auto& [below, file] : files) {
      const auto digest = HashFile(file, below);
      hash.UpdateSized(below);
      hash.UpdateSized(digest.ok() ? digest->view() : std::string_view());
    }
    digests[EscapeControl(name)] = hash.Finish().ToHex();
  }
  return digests;
}

json Undeclared(const Opened& opened, const Given& given) {
  json found = {{"watched", opened.told && opened.complete},
                {"undeclared", json::object()},
                {"network", opened.places}};
  const std::string project = RealPath(given.project_folder);
  std::vector<std::string> folders;
  for (const std::string& folder : given.folders) {
    const std::string real = RealPath(folder);
    if (real != "/" && !real.empty()) folders.push_back(real);
  }
  for (const std::string& path : given.declared)
    folders.push_back(RealPath(fs::path(given.project_folder) / path));
  // Packages may be links: a file opened by a given path counts as given.
  const auto was_given = [&](const std::string& path) {
    return std::any_of(given.folders.begin(), given.folders.end(), [&](const auto& folder) {
      return folder != "/" && IsAtOrBelow(fs::path(path).lexically_normal().string(), folder);
    });
  };
  for (const auto& [path, spellings] : opened.files) {
    const std::string name = NameOf(path, project, given, folders);
    if (name.empty() || std::any_of(spellings.begin(), spellings.end(), was_given)) continue;
    if (found["undeclared"].size() == kUndeclaredMax) {
      found["watched"] = false;
      break;
    }
    const auto digest = HashFile(path, name);
    found["undeclared"][EscapeControl(name)] = digest.ok() ? json(digest->ToHex()) : json();
  }
  return found;
}
}  // namespace weirhouse::model
