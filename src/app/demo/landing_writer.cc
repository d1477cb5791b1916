#include "app/demo/landing_writer.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "ground/platform/io/local_store.h"

namespace weirhouse::demo {
namespace {
Status NotWritten(const std::string& path, const std::string& why) {
  return Status(Code::kUnavailable, fmt::format("could not write a file: {}: {}", path, why))
      .WithError("WH8045")
      .WithHint("free some space or correct the folder's permissions, and run the command again");
}
}  // namespace

Result<bool> LandFile(const std::string& path, std::string_view bytes) {
  platform::ObjectStore& store = platform::LocalStore();
  const auto there = store.Stat(path);
  if (there.ok() && there->size_bytes == static_cast<std::int64_t>(bytes.size())) {
    const auto old = store.Read(path);
    if (old.ok() && *old == bytes) return false;
  }
  const std::filesystem::path target(path);
  const std::string part = (target.parent_path() / ("." + target.filename().string() + ".part"));
  std::error_code error;
  std::filesystem::create_directories(target.parent_path(), error);
  if (error) return NotWritten(path, error.message());
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    const std::string why = std::strerror(errno);
    std::filesystem::remove(part, error);
    return NotWritten(path, why);
  }
  std::filesystem::rename(part, target, error);
  if (error) return NotWritten(path, error.message());
  return true;
}

Result<TemporaryFolder> TemporaryFolder::Make() {
  std::error_code error;
  const std::filesystem::path base = std::filesystem::temp_directory_path(error);
  if (error) return NotWritten("the temporary folder", error.message());
  std::string pattern = (base / "weirhouse-demo-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return NotWritten(pattern, std::strerror(errno));
  return TemporaryFolder(std::move(pattern));
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, std::string())) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // the temporary folder's removal takes what stays behind
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}
}  // namespace weirhouse::demo
