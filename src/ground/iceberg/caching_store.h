// A store with a memory for readers of tables.
//
// What was parsed of metadata, manifest lists, manifests and delete files is kept here, each kind up to
// a bound of its own, and goes with the store (format/table_cache.h). Whoever opens a project gives it
// one: two projects in one process share nothing. A store without it reads again each time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/platform/io/object_store.h"
#include "ground/platform/io/put_together.h"

namespace weirhouse::iceberg {

// Threads: as `inner`, which must outlive it.
class CachingStore final : public platform::ObjectStore, public platform::PutsTogether {
 public:
  explicit CachingStore(platform::ObjectStore& inner);

  std::string Spelling(std::string_view location) const override;
  Status Write(const std::string& location, std::string_view bytes) override;
  Status Flush(std::span<const std::string> locations) override;
  Result<bool> PutIfAbsent(const std::string& location, std::string_view bytes,
                           unsigned mode) override;
  Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                 unsigned mode) override;
  Result<std::vector<bool>> PutAllIfAbsent(std::span<const platform::NewObject> objects,
                                           unsigned mode) override;
  Status Replace(const std::string& location, std::string_view bytes) override;
  Status ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode) override;
  Result<std::string> Read(const std::string& location) override;
  Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                std::int64_t size_bytes) override;
  Result<std::unique_ptr<ByteStream>> Open(const std::string& location, std::int64_t offset,
                                           std::int64_t size_bytes) override;
  Result<platform::FileInfo> Stat(const std::string& location) override;
  Result<platform::ObjectPage> List(const std::string& prefix, const std::string& after,
                                    std::int64_t limit) override;
  Status Delete(const std::string& location) override;
  Status MakeFolder(const std::string& location) override;
  platform::ReadCache* read_cache() override { return cache_.get(); }

 private:
  platform::ObjectStore& inner_;
  std::unique_ptr<platform::ReadCache> cache_;
};
}  // namespace weirhouse::iceberg
