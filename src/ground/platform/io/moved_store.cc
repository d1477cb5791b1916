#include "ground/platform/io/moved_store.h"

#include "ground/platform/io/location.h"

namespace weirhouse::platform {

std::string MapLocation(std::string_view location, const std::vector<std::string>& former,
                        std::string_view present) {
  const std::string canonical = CanonicalPath(location);
  if (IsInFolder(canonical, present)) return std::string(location);
  for (const std::string& folder : former) {
    if (!IsInFolder(canonical, folder)) continue;
    const std::string_view scheme = location.starts_with("file:") ? "file://" : "";
    return std::string(scheme).append(present).append(canonical, folder.size());
  }
  return std::string(location);
}

std::string MovedStore::Spelling(std::string_view location) const {
  return MapLocation(inner_.Spelling(location), former_, present_);
}
Status MovedStore::Write(const std::string& location, std::string_view bytes) {
  return inner_.Write(MapLocation(location, former_, present_), bytes);
}
Status MovedStore::Flush(std::span<const std::string> locations) {
  std::vector<std::string> places;
  places.reserve(locations.size());
  for (const std::string& location : locations)
    places.push_back(MapLocation(location, former_, present_));
  return inner_.Flush(places);
}
Result<bool> MovedStore::PutIfAbsent(const std::string& location, std::string_view bytes,
                                     unsigned mode) {
  return inner_.PutIfAbsent(MapLocation(location, former_, present_), bytes, mode);
}
Result<bool> MovedStore::PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                           unsigned mode) {
  return inner_.PutStreamIfAbsent(MapLocation(location, former_, present_), bytes, mode);
}
Result<std::vector<bool>> MovedStore::PutAllIfAbsent(std::span<const NewObject> objects,
                                                     unsigned mode) {
  std::vector<NewObject> places(objects.begin(), objects.end());
  for (NewObject& object : places)
    object.location = MapLocation(object.location, former_, present_);
  return platform::PutAllIfAbsent(inner_, places, mode);
}
Status MovedStore::Replace(const std::string& location, std::string_view bytes) {
  return inner_.Replace(MapLocation(location, former_, present_), bytes);
}
Status MovedStore::ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode) {
  return inner_.ReplaceByStream(MapLocation(location, former_, present_), bytes, mode);
}
Result<std::string> MovedStore::Read(const std::string& location) {
  return inner_.Read(MapLocation(location, former_, present_));
}
Result<std::string> MovedStore::ReadRange(const std::string& location, std::int64_t offset,
                                          std::int64_t size_bytes) {
  return inner_.ReadRange(MapLocation(location, former_, present_), offset, size_bytes);
}
Result<std::unique_ptr<ByteStream>> MovedStore::Open(const std::string& location,
                                                     std::int64_t offset, std::int64_t size_bytes) {
  return inner_.Open(MapLocation(location, former_, present_), offset, size_bytes);
}
Result<FileInfo> MovedStore::Stat(const std::string& location) {
  return inner_.Stat(MapLocation(location, former_, present_));
}
Result<ObjectPage> MovedStore::List(const std::string& prefix, const std::string& after,
                                    std::int64_t limit) {
  // A slash at the end matters in a prefix, and canonical paths have none.
  const auto moved = [this](const std::string& location) {
    std::string place = MapLocation(location, former_, present_);
    if (location.ends_with('/') && !place.ends_with('/')) place += '/';
    return place;
  };
  return inner_.List(moved(prefix), after.empty() ? after : moved(after), limit);
}
Status MovedStore::Delete(const std::string& location) {
  return inner_.Delete(MapLocation(location, former_, present_));
}
Status MovedStore::MakeFolder(const std::string& location) {
  return inner_.MakeFolder(MapLocation(location, former_, present_));
}
}  // namespace weirhouse::platform
