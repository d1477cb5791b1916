// RocksDB, used as a cache: the online store and the index of losers. It never holds the only copy of any
// data.
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

// Writes that are applied together. Threads: one.
class KvBatch {
 public:
  virtual ~KvBatch() = default;
  virtual void Put(std::string_view key, std::string_view value) = 0;
  virtual void Delete(std::string_view key) = 0;
  // Deletes [begin, end).
  virtual void DeleteRange(std::string_view begin, std::string_view end) = 0;
  virtual std::int64_t count() const = 0;
};

// A snapshot of a store: later writes do not show in it. Must not outlive the store. Threads: any.
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

// Keys are ordered as bytes. Threads: any. Errors: kUnavailable (locked, disk), kCorruption
// (WH7027, see kv_damage.h).
class KvStore {
 public:
  static Result<std::unique_ptr<KvStore>> Open(const std::string& folder, const KvOptions& options);
  virtual ~KvStore() = default;

  virtual std::unique_ptr<KvBatch> NewBatch() = 0;
  // Applies `batch` atomically. With `sync` it is durable on return. Without, a crash may lose the
  // most recent batches, never one without those after it; a clean close keeps them.
  virtual Status Write(KvBatch& batch, bool sync) = 0;
  virtual Result<std::optional<std::string>> Get(std::string_view key) = 0;
  // One value per key, in the order of `keys`.
  virtual Result<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) = 0;
  // Visits keys in [begin, end) in order until `visit` returns false. The views are valid during
  // the call only.
  virtual Status Scan(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
  // A snapshot of the store as it is now. Cost: about a microsecond; replaced data is kept on disk
  // while the snapshot lives.
  virtual std::unique_ptr<KvState> Look() = 0;
  // Flushes everything to disk, where read-only openings see it.
  virtual Status Flush() = 0;
  // Deletes all keys.
  virtual Status Clear() = 0;
};
}  // namespace weirhouse::platform
