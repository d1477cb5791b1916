// RocksDB as a cache: the online store and the key index. Never the only copy of anything.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::platform {

// A set of writes applied together. Threads: one.
class KvBatch {
 public:
  virtual ~KvBatch() = default;
  virtual void Put(std::string_view key, std::string_view value) = 0;
  virtual void Delete(std::string_view key) = 0;
  // Deletes [begin, end).
  virtual void DeleteRange(std::string_view begin, std::string_view end) = 0;
  virtual std::int64_t count() const = 0;
};

// One state of a store: what is written after it was taken does not show. Must not outlive the
// store. Threads: any.
class KvState {
 public:
  virtual ~KvState() = default;
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;
  // As KvStore::Scan.
  virtual Status Scan(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

struct KvOptions {
  bool read_only = false;
  std::int64_t block_cache_mb = 64;
};

// Keys are ordered as bytes. Threads: any.
class KvStore {
 public:
  static Result<std::unique_ptr<KvStore>> Open(const std::string& folder, const KvOptions& options);
  virtual ~KvStore() = default;

  virtual std::unique_ptr<KvBatch> NewBatch() = 0;
  // Applies `batch` all or nothing. `sync`: durable when it returns. Otherwise a crash may lose the
  // last such batches, never one before another; a clean close keeps them.
  virtual Status Write(KvBatch& batch, bool sync) = 0;
  virtual Result<std::optional<std::string>> Get(std::string_view key) = 0;
  // One answer per key, in order.
  virtual Result<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) = 0;
  // Visits keys in [begin, end) in order until `visit` returns false. The views live for the call
  // only.
  virtual Status Scan(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
  // The store as it is now. Cost: about a microsecond; what it holds is kept for as long as it
  // lives.
  virtual std::unique_ptr<KvState> Look() = 0;
  // Brings everything to the disk, where read-only openings see it.
  virtual Status Flush() = 0;
  // Removes everything.
  virtual Status Clear() = 0;
};
}  // namespace weirhouse::platform
