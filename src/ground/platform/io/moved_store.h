// A store for a project that was moved: it finds files by their former locations. Errors and cost
// are those of the store that it wraps.
//
// A project's catalog and the Iceberg files of its history hold absolute locations, and neither may
// be rewritten: the hash chain covers the catalog. They keep the locations they were written with,
// and this store maps those to the present ones.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/platform/io/object_store.h"
#include "ground/platform/io/put_together.h"

namespace weirhouse::platform {

// `location` in canonical form, with the first of the folders `former` that contains it replaced by
// `present`; a "file:" URI stays one. A location outside all of them, or inside `present`, is
// returned as it is.
std::string MapLocation(std::string_view location, const std::vector<std::string>& former,
                        std::string_view present);

// Threads: as for `inner`, which must outlive it.
class MovedStore final : public ObjectStore, public PutsTogether {
 public:
  // All folders are canonical. None of `former` and `present` contains another.
  MovedStore(ObjectStore& inner, std::vector<std::string> former, std::string present)
      : inner_(inner), former_(std::move(former)), present_(std::move(present)) {}

  std::string Spelling(std::string_view location) const override;
  Status Write(const std::string& location, std::string_view bytes) override;
  Status Flush(std::span<const std::string> locations) override;
  Result<bool> PutIfAbsent(const std::string& location, std::string_view bytes,
                           unsigned mode) override;
  Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                 unsigned mode) override;
  Result<std::vector<bool>> PutAllIfAbsent(std::span<const NewObject> objects,
                                           unsigned mode) override;
  Status Replace(const std::string& location, std::string_view bytes) override;
  Status ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode) override;
  Result<std::string> Read(const std::string& location) override;
  Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                std::int64_t size_bytes) override;
  Result<std::unique_ptr<ByteStream>> Open(const std::string& location, std::int64_t offset,
                                           std::int64_t size_bytes) override;
  Result<FileInfo> Stat(const std::string& location) override;
  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          std::int64_t limit) override;
  Status Delete(const std::string& location) override;
  Status MakeFolder(const std::string& location) override;

 private:
  ObjectStore& inner_;
  std::vector<std::string> former_;
  std::string present_;
};
}  // namespace weirhouse::platform
