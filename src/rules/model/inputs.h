// What a training command reads beside its training set and its code: inputs that its model
// declares, which are digested, and what it opened without a word.
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

// `inputs` of the definition of `model` in one file of models/, as ParseModels checks them; none if
// it is not defined there.
Result<std::vector<std::string>> ParseInputs(std::string_view text, const std::string& path,
                                             const std::string& model);
// Declared path → digest in hex: of a file's bytes, or of each file below a folder with its name.
// Relative paths lie in `project_folder`. kInvalidInput (WH5028): there is nothing, it cannot be
// read, or a folder holds more than 100,000 files. Cost: reads every byte.
Result<std::map<std::string, std::string>> DigestInputs(const std::vector<std::string>& paths,
                                                        const std::string& project_folder);

// SHA-256 of the bytes of a file, read a piece at a time; nothing if it cannot be read.
std::optional<Digest> DigestOfFile(const std::filesystem::path& path);

// The library that tells what the processes of a command open (see preload/opened_files.cc); empty
// if it is not there.
std::string OpenedFilesLibrary();

// What was told, in order.
struct Opened {
  bool told = false;     // some process did
  bool complete = true;  // and none had more to tell than is told
  // Opened to be read, not made by the command itself: the real path, and those that led to it.
  std::map<std::string, std::set<std::string>> files;
  std::vector<std::string> places;  // looked up or connected to: "example.org", "10.0.0.1:443"
};
Opened ParseOpened(std::string_view told);

// What a command may open without a declaration.
struct Given {
  std::string project_folder;
  std::set<std::string> code;         // files of it, relative
  std::vector<std::string> declared;  // inputs, as DigestInputs takes them
  std::vector<std::string> folders;   // and files: its job, the interpreter and its packages
};
// {"watched": true, "undeclared": {path: sha256}, "network": [place]}: what was opened that was not
// given, with the digest it has now (null: it cannot be read). Paths in the project are relative.
// What belongs to the machine (/usr, /proc …) is given.
nlohmann::json Undeclared(const Opened& opened, const Given& given);
// {name: sha256} of the installed packages and modules of which Python files were opened, by those
// files: a package may change and keep its version. `sites`: the folders they are installed in.
nlohmann::json Installed(const Opened& opened, const std::vector<std::string>& sites);
}  // namespace weirhouse::model
