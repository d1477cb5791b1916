// A store whose content was moved: what was recorded under a former place is found at the present
// one.
//
// The books of a project (the hash chain covers them) and the Iceberg files of its history hold
// absolute locations, and neither may be written again. So they keep the locations that they were
// written with, and this store knows where those are now.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/platform/io/object_store.h"

namespace weirhouse::platform {

// `location`, spelled canonically, with the first of `former` that it lies in replaced by `present`;
// a "file:" form stays one. What lies in none of them, or in `present`, is given back as it is.
std::string MovedLocation(std::string_view location, const std::vector<std::string>& former,
                          std::string_view present);

// Threads: as `inner`, which must outlive it.
class MovedStore final : public ObjectStore {
 public:
  // Canonical folders. `former` and `present` do not lie in each other.
  MovedStore(ObjectStore& inner, std::vector<std::string> former, std::string present)
      : inner_(inner), former_(std::move(former)), present_(std::move(present)) {}

  std::string Spelling(std::string_view location) const override;
  Status Write(const std::string& location, std::string_view bytes) override;
  Status Flush(std::span<const std::string> locations) override;
  Result<bool> PutIfAbsent(const std::string& location, std::string_view bytes,
                           unsigned mode) override;
  Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
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
