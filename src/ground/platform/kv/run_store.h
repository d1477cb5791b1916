// A store of 128-bit keys, written a batch at a time: each batch becomes one sorted run, and runs
// are merged by size, four or eight into one, so that a key costs a few sequential writes in all and no
// insert of its own. For indexes that can be made anew from tables: a cache, never synced.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/hash/siphash.h"
#include "ground/base/status.h"
#include "ground/platform/kv/run_file.h"

namespace weirhouse::platform {

// Changes that are committed together; of several of one key the last one counts. Threads: one.
// Memory: 40 bytes a change, and its payload.
class RunBatch {
 public:
  void Put(const Hash128& key, std::string_view payload);
  void Remove(const Hash128& key);
  std::size_t count() const { return items_.size(); }
  std::size_t size_bytes() const { return items_.size() * sizeof(Item) + payload_bytes_; }

 private:
  friend class RunStore;
  struct Item {
    Hash128 key;
    const char* payload = nullptr;
    std::uint32_t size = 0;
    std::uint32_t order = 0;  // among the changes; odd = removed
    std::uint64_t rank() const { return order; }
  };
  std::vector<Item> items_;
  // Payloads lie in blocks, which never move: one growing string would be copied again and again.
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_at_ = nullptr;
  std::size_t payload_bytes_ = 0;
};

// A folder with manifests and runs. After a crash of the process it stands at the last commit, or
// the one before. Threads: one writer; reads from any. Errors: kCorruption (kDamagedStoreError) if
// its files are missing or contradict themselves, found when they are read; kUnavailable (disk);
// kPermissionDenied (WH7029) for a change of one that was opened for reading.
class RunStore {
 public:
  // Makes the store if there is none; for reading, an absent store is empty. Cost: reads the manifest
  // (under a kilobyte); runs are opened at their first use.
  static Result<std::shared_ptr<RunStore>> Open(const std::string& folder, bool read_only);

  // A hash with a secret of this store, for making keys.
  SipHash128 Hash(std::string_view purpose) const { return secret_.For(purpose); }
  // What the last commit said it stands for; empty if nothing.
  std::string state() const;
  // Whether there is no entry, so that nothing needs to be looked up.
  bool empty() const;
  // Applies `batch` and sets the state. May merge runs: memory 256 KiB a run that is merged, and
  // filter and index of the new one.
  Status Commit(const RunBatch& batch, std::string_view state);
  // Removes everything.
  Status Clear(std::string_view state);
  // Calls `found` once for each of `keys` that has a value, in no particular order; its payload is
  // valid during the call. Cost: 10 ns a run for a key that is absent, a read of 4 KiB for one that
  // is not, less where keys are dense.
  using Found = std::function<Status(std::size_t at, std::string_view payload)>;
  Status Find(std::span<const Hash128> keys, const Found& found) const;
  // Calls `visit` for each key that has a value, ascending.
  using Visit = std::function<Status(const Hash128& key, std::string_view payload)>;
  Status ForEach(const Visit& visit) const;
  std::size_t run_count() const;

 private:
  using Runs = std::vector<std::shared_ptr<RunFile>>;  // oldest first
  // What the manifest says; replaced whole.
  struct Standing {
    std::uint64_t number = 0;  // of the manifest
    std::uint64_t next_id = 1;
    Runs runs;
    std::string state;
  };
  RunStore(std::string folder, bool read_only, const SipHash128::Key& key);
  std::shared_ptr<const Standing> Now() const;
  Status Save(std::shared_ptr<Standing> standing);
  Status CheckWritable() const;
  Result<RunFacts> Write(const RunBatch& batch, std::uint64_t id) const;
  Result<RunFacts> Merge(const Runs& runs, bool keep_removed, std::uint64_t id) const;
  Status MergeWhatIsDue();
  std::string PathOf(std::uint64_t id) const;

  const std::string folder_;
  const bool read_only_;
  const SipHash128::Key key_;
  const SipHash128 secret_;
  mutable std::mutex mutex_;  // guards the pointer
  std::shared_ptr<const Standing> now_;
};

// The stores of one folder, each in a folder of its own, opened once for all who use them. Threads:
// any.
class RunStores {
 public:
  explicit RunStores(std::string folder, bool read_only = false)
      : folder_(std::move(folder)), read_only_(read_only) {}
  Result<std::shared_ptr<RunStore>> Open(const std::string& name);
  // Removes the stores that have none of these names, as those of tables that were dropped.
  Status KeepOnly(const std::set<std::string>& names);

 private:
  const std::string folder_;
  const bool read_only_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RunStore>> open_;
};
}  // namespace weirhouse::platform
