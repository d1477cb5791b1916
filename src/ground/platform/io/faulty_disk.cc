#include <fmt/format.h>

#include "ground/platform/io/disk.h"

namespace weirhouse::platform {

FaultyDisk::FaultyDisk(Disk& inner, int fail_at, Code code, bool for_ever)
    : inner_(inner), left_(fail_at), code_(code), for_ever_(for_ever) {}

Status FaultyDisk::Step(std::string_view what, const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (left_ > 0 && --left_ > 0) return Status::Ok();
  if (fired_ && !for_ever_) return Status::Ok();
  fired_ = true;
  return Status(code_, fmt::format("could not {}: a fault was injected: {}", what, path));
}

Status FaultyDisk::Write(const std::string& path, std::string_view bytes) {
  WEIRHOUSE_TRY_STATUS(Step("write", path));
  return inner_.Write(path, bytes);
}
Status FaultyDisk::SyncAll(std::span<const std::string> paths) {
  WEIRHOUSE_TRY_STATUS(Step("sync", paths.empty() ? std::string("no files") : paths.front()));
  return inner_.SyncAll(paths);
}
Status FaultyDisk::Replace(const std::string& path, std::string_view bytes) {
  WEIRHOUSE_TRY_STATUS(Step("replace", path));
  return inner_.Replace(path, bytes);
}
Result<bool> FaultyDisk::PutIfAbsent(const std::string& path, std::string_view bytes,
                                     unsigned mode) {
  WEIRHOUSE_TRY_STATUS(Step("put", path));
  return inner_.PutIfAbsent(path, bytes, mode);
}
Result<std::string> FaultyDisk::Read(const std::string& path) {
  WEIRHOUSE_TRY_STATUS(Step("read", path));
  return inner_.Read(path);
}
Result<std::string> FaultyDisk::ReadRange(const std::string& path, std::int64_t offset,
                                          std::int64_t size_bytes) {
  WEIRHOUSE_TRY_STATUS(Step("read a range", path));
  return inner_.ReadRange(path, offset, size_bytes);
}
Result<FileInfo> FaultyDisk::Stat(const std::string& path) {
  WEIRHOUSE_TRY_STATUS(Step("stat", path));
  return inner_.Stat(path);
}
Result<std::vector<FileInfo>> FaultyDisk::List(const std::string& folder) {
  WEIRHOUSE_TRY_STATUS(Step("list", folder));
  return inner_.List(folder);
}
Status FaultyDisk::MakeFolder(const std::string& path) {
  WEIRHOUSE_TRY_STATUS(Step("make the folder", path));
  return inner_.MakeFolder(path);
}
Status FaultyDisk::Remove(const std::string& path) {
  WEIRHOUSE_TRY_STATUS(Step("remove", path));
  return inner_.Remove(path);
}
}  // namespace weirhouse::platform
