// Files that appear whole under landing/.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::demo {

// Writes `bytes` under a hidden temporary name in the same folder (made if absent) and renames it
// to `path`. False if the file was there with these bytes, and so was left alone. Not fsynced: it
// stands for the data of others, which can be made again.
//   kUnavailable  the disk is full or the file cannot be written (WH8045)
Result<bool> LandFile(const std::string& path, std::string_view bytes);

// A folder of its own under the system's temporary folder, removed at the end.
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
