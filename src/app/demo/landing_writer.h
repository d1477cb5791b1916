// Writes files that appear whole under landing/.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::demo {

// Writes `bytes` under a hidden temporary name in the same folder (made if absent) and renames it
// to `path`. Returns false, and leaves the file alone, if it already holds these bytes. Not
// fsynced: the files stand for data of others, which can be made again.
//   kUnavailable  the disk is full or the file cannot be written (WH8045)
Result<bool> LandFile(const std::string& path, std::string_view bytes);

// A new folder under the system's temporary folder, removed at the end.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> Make();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};
}  // namespace weirhouse::demo
