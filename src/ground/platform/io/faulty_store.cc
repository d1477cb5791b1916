#include "ground/platform/io/faulty_store.h"

#include <fmt/format.h>

namespace weirhouse::platform {

FaultyStore::FaultyStore(ObjectStore& inner, int fail_at, Code code, bool for_ever)
    : inner_(inner), left_(fail_at), code_(code), for_ever_(for_ever) {}

Status FaultyStore::Step(std::string_view what, const std::string& location) {
  const std::lock_guard lock(mutex_);
  if (left_ > 0 && --left_ > 0) return Status::Ok();
  if (fired_ && !for_ever_) return Status::Ok();
  fired_ = true;
  return Status(code_, fmt::format("could not {}: a fault was injected: {}", what, location));
}

std::string FaultyStore::Spelling(std::string_view location) const {
  return inner_.Spelling(location);
}
Status FaultyStore::Write(const std::string& location, std::string_view bytes) {
  WEIRHOUSE_TRY_STATUS(Step("write", location));
  return inner_.Write(location, bytes);
}
Status FaultyStore::Flush(std::span<const std::string> locations) {
  WEIRHOUSE_TRY_STATUS(
      Step("sync", locations.empty() ? std::string("no files") : locations.front()));
  return inner_.Flush(locations);
}
Result<bool> FaultyStore::PutIfAbsent(const std::string& location, std::string_view bytes,
                                      unsigned mode) {
  WEIRHOUSE_TRY_STATUS(Step("put", location));
  return inner_.PutIfAbsent(location, bytes, mode);
}
Result<bool> FaultyStore::PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                            unsigned mode) {
  WEIRHOUSE_TRY_STATUS(Step("put", location));
  return inner_.PutStreamIfAbsent(location, bytes, mode);
}
Result<std::vector<bool>> FaultyStore::PutAllIfAbsent(std::span<const NewObject> objects,
                                                      unsigned mode) {
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const Status fault = Step("put", objects[i].location);
    if (fault.ok()) continue;
    WEIRHOUSE_TRY_STATUS(platform::PutAllIfAbsent(inner_, objects.first(i), mode).status());
    return fault;
  }
  return platform::PutAllIfAbsent(inner_, objects, mode);
}
Status FaultyStore::Replace(const std::string& location, std::string_view bytes) {
  WEIRHOUSE_TRY_STATUS(Step("replace", location));
  return inner_.Replace(location, bytes);
}
Status FaultyStore::ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode) {
  WEIRHOUSE_TRY_STATUS(Step("replace", location));
  return inner_.ReplaceByStream(location, bytes, mode);
}
Result<std::string> FaultyStore::Read(const std::string& location) {
  WEIRHOUSE_TRY_STATUS(Step("read", location));
  return inner_.Read(location);
}
Result<std::string> FaultyStore::ReadRange(const std::string& location, std::int64_t offset,
                                           std::int64_t size_bytes) {
  WEIRHOUSE_TRY_STATUS(Step("read a range", location));
  return inner_.ReadRange(location, offset, size_bytes);
}
Result<FileInfo> FaultyStore::Stat(const std::string& location) {
  WEIRHOUSE_TRY_STATUS(Step("stat", location));
  return inner_.Stat(location);
}
Result<ObjectPage> FaultyStore::List(const std::string& prefix, const std::string& after,
                                     std::int64_t limit) {
  WEIRHOUSE_TRY_STATUS(Step("list", prefix));
  return inner_.List(prefix, after, limit);
}
Status FaultyStore::Delete(const std::string& location) {
  WEIRHOUSE_TRY_STATUS(Step("remove", location));
  return inner_.Delete(location);
}
Status FaultyStore::MakeFolder(const std::string& location) {
  WEIRHOUSE_TRY_STATUS(Step("make the folder", location));
  return inner_.MakeFolder(location);
}
}  // namespace weirhouse::platform
