#include "ground/iceberg/caching_store.h"

#include "ground/iceberg/format/table_cache.h"

namespace weirhouse::iceberg {
CachingStore::CachingStore(platform::ObjectStore& inner) : inner_(inner), cache_(NewTableCache()) {}

std::string CachingStore::Spelling(std::string_view location) const {
  return inner_.Spelling(location);
}
Status CachingStore::Write(const std::string& location, std::string_view bytes) {
  return inner_.Write(location, bytes);
}
Status CachingStore::Flush(std::span<const std::string> locations) {
  return inner_.Flush(locations);
}
Result<bool> CachingStore::PutIfAbsent(const std::string& location, std::string_view bytes,
                                       unsigned mode) {
  return inner_.PutIfAbsent(location, bytes, mode);
}
Result<bool> CachingStore::PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                             unsigned mode) {
  return inner_.PutStreamIfAbsent(location, bytes, mode);
}
Result<std::vector<bool>> CachingStore::PutAllIfAbsent(std::span<const platform::NewObject> objects,
                                                       unsigned mode) {
  return platform::PutAllIfAbsent(inner_, objects, mode);
}
Status CachingStore::Replace(const std::string& location, std::string_view bytes) {
  return inner_.Replace(location, bytes);
}
Status CachingStore::ReplaceByStream(const std::string& location, ByteStream& bytes,
                                     unsigned mode) {
  return inner_.ReplaceByStream(location, bytes, mode);
}
Result<std::string> CachingStore::Read(const std::string& location) {
  return inner_.Read(location);
}
Result<std::string> CachingStore::ReadRange(const std::string& location, std::int64_t offset,
                                            std::int64_t size_bytes) {
  return inner_.ReadRange(location, offset, size_bytes);
}
Result<std::unique_ptr<ByteStream>> CachingStore::Open(const std::string& location,
                                                       std::int64_t offset,
                                                       std::int64_t size_bytes) {
  return inner_.Open(location, offset, size_bytes);
}
Result<platform::FileInfo> CachingStore::Stat(const std::string& location) {
  return inner_.Stat(location);
}
Result<platform::ObjectPage> CachingStore::List(const std::string& prefix, const std::string& after,
                                                std::int64_t limit) {
  return inner_.List(prefix, after, limit);
}
Status CachingStore::Delete(const std::string& location) { return inner_.Delete(location); }
Status CachingStore::MakeFolder(const std::string& location) { return inner_.MakeFolder(location); }
}  // namespace weirhouse::iceberg
