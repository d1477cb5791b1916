// A store with injected failures. For tests.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/platform/io/object_store.h"
#include "ground/platform/io/put_together.h"

namespace weirhouse::platform {

// Fails the `fail_at`-th call that touches the store (1 = the first), once or from then on.
class FaultyStore : public ObjectStore, public PutsTogether {
 public:
  FaultyStore(ObjectStore& inner, int fail_at, Code code, bool for_ever = false);
  bool fault_fired() const { return fired_; }

  std::string Spelling(std::string_view location) const override;
  Status Write(const std::string& location, std::string_view bytes) override;
  Status Flush(std::span<const std::string> locations) override;
  Result<bool> PutIfAbsent(const std::string& location, std::string_view bytes,
                           unsigned mode) override;
  Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                 unsigned mode) override;
  // Counts as one call for each object.
  Result<std::vector<bool>> PutAllIfAbsent(std::span<const NewObject> objects,
                                           unsigned mode) override;
  Status Replace(const std::string& location, std::string_view bytes) override;
  Status ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode) override;
  Result<std::string> Read(const std::string& location) override;
  Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                std::int64_t size_bytes) override;
  // Reads of an opened stream use ReadRange, and so are counted.
  Result<FileInfo> Stat(const std::string& location) override;
  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          std::int64_t limit) override;
  Status Delete(const std::string& location) override;
  Status MakeFolder(const std::string& location) override;

 private:
  Status Step(std::string_view what, const std::string& location);
  ObjectStore& inner_;
  std::mutex mutex_;
  int left_;
  Code code_;
  bool for_ever_;
  bool fired_ = false;
};
}  // namespace weirhouse::platform
