// What a training command reads besides its training set and its code: inputs that its model
// declares, whose digests are recorded, and files that it opened without declaring them.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::model {

// The `inputs` of the definition of `model` in one file of models/, as ParseModels checks them;
// none if the file does not define it.
Result<std::vector<std::string>> ParseInputs(std::string_view text, const std::string& path,
                                             const std::string& model);
// Declared path → digest in hex: of a file's bytes, or of all files below a folder with their
// names. Relative paths lie in `project_folder`. kInvalidInput (WH5028): the path does not exist,
// cannot be read, or is a folder with more than 100,000 files. Cost: reads every byte.
Result<std::map<std::string, std::string>> DigestInputs(const std::vector<std::string>& paths,
                                                        const std::string& project_folder);

// SHA-256 of a file's bytes, read a piece at a time; nothing if it cannot be read.
std::optional<Digest> DigestOfFile(const std::filesystem::path& path);

// The library that reports what the processes of a command open (see preload/opened_files.cc);
// empty if it is not installed.
std::string OpenedFilesLibrary();

// What was reported, in order.
struct Opened {
  bool told = false;     // at least one process reported
  bool complete = true;  // no process had more events than it reported
  // Files opened for reading that the command did not make: the real path, and the paths that led
  // to it.
  std::map<std::string, std::set<std::string>> files;
  std::vector<std::string> places;  // looked up or connected to: "example.org", "10.0.0.1:443"
};
Opened ParseOpened(std::string_view told);

// What a command may open without declaring it.
struct Given {
  std::string project_folder;
  std::set<std::string> code;         // files of the code, relative
  std::vector<std::string> declared;  // inputs, as DigestInputs takes them
  std::vector<std::string> folders;   // and files: the job, the interpreter and its packages
};
// {"watched": true, "undeclared": {path: sha256}, "network": [place]}: what was opened beyond
// `given`, with its present digest (null: it cannot be read). Paths in the project are relative.
// Files of the machine (/usr, /proc …) are left out.
nlohmann::json Undeclared(const Opened& opened, const Given& given);
// {name: sha256} of the installed packages and modules whose Python files were opened, over those
// files: a package may change without changing its version. `sites`: the folders they are installed
// in.
nlohmann::json Installed(const Opened& opened, const std::vector<std::string>& sites);
}  // namespace weirhouse::model
