#include "ground/platform/kv/kv.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <filesystem>
#include <system_error>
#include <utility>

#include "ground/base/resource/memory_reserve.h"
#include "ground/platform/kv/kv_damage.h"

namespace weirhouse::platform {
namespace {
constexpr int kOpenFilesMax = 256;                   // the default keeps every file open
constexpr std::size_t kWriteBufferBytes = 16 << 20;  // two of them at most: see below
constexpr int kSmallFilesMax = 8;  // each is one more filter to ask, and stays in the cache
constexpr std::uint64_t kFirstLevelBytes = 8 << 20;
// A file's filter is one block of 10 bits a key. In the 64 shards of a megabyte that the library
// makes of a cache of 64 MB it drove out others, and was read again for each look-up.
constexpr int kCacheShardBits = 3;
constexpr std::size_t kIteratorReadaheadBytes = 64 << 10;  // scans are short

// Discards RocksDB's info log. It is only for debugging, and where it cannot be written, as on a
// full disk, writing to it would end the process.
class NoLog : public rocksdb::Logger {
 public:
  NoLog() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

Status Damaged(std::string message) {
  return Status(Code::kCorruption, std::move(message))
      .WithError(kDamagedStoreError)
      .WithHint("it is only a cache; the next writing command rebuilds it from the tables");
}

// Another process, or this one, has it open for writing.
bool IsLocked(const rocksdb::Status& status) {
  return status.IsIOError() && status.ToString().find("lock") != std::string::npos;
}

Status StatusOfRocks(const rocksdb::Status& status, std::string_view what,
                     const std::string& folder) {
  std::string message =
      fmt::format("could not {} the key-value store: {}: {}", what, status.ToString(), folder);
  if (status.IsCorruption() || status.IsPathNotFound()) return Damaged(std::move(message));
  if (status.IsNoSpace()) {
    return Status(Code::kUnavailable, message)
        .WithError(kStorageFull)
        .WithHint("free some space on the disk and run the command again");
  }
  // RocksDB reports options that it could not read as an invalid argument; if a second attempt
  // could read them, it reports direct I/O, which is not in use.
  const bool unread =
      status.IsInvalidArgument() && (message.find("IO error") != std::string::npos ||
                                     message.find("Direct I/O") != std::string::npos);
  if (unread || status.IsIOError() || status.IsBusy() || status.IsTimedOut() ||
      status.IsTryAgain() || status.IsIncomplete() || status.IsAborted()) {
    return Status(Code::kUnavailable, message)
        .WithError("WH7026")
        .WithHint(IsLocked(status) ? "another process has it open; try again when it is done"
                                   : "check the disk and the rights to the folder; the store is "
                                     "only a cache, so its folder may also be removed");
  }
  if (status.IsNotFound()) return Status(Code::kNotFound, message).WithError("WH7028");
  if (status.IsNotSupported()) {
    return Status(Code::kPermissionDenied,
                  fmt::format("could not {} the key-value store: it was opened for reading: {}",
                              what, folder))
        .WithError("WH7029");
  }
  return Status(Code::kInternal, message).WithError("WH7030");
}

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// A call into RocksDB. It is not exception-safe: other threads would wait for ever for a lock that
// was held.
template <typename Call>
auto Whole(const Call& call) {
  const UseMemoryReserve reserve;
  return call();
}

class RocksBatch : public KvBatch {
 public:
  void Put(std::string_view key, std::string_view value) override {
    Note(batch_.Put(SliceOf(key), SliceOf(value)));
  }
  void Delete(std::string_view key) override { Note(batch_.Delete(SliceOf(key))); }
  void DeleteRange(std::string_view begin, std::string_view end) override {
    if (begin >= end) return;  // RocksDB takes an inverted range for an error
    Note(batch_.DeleteRange(SliceOf(begin), SliceOf(end)));
  }
  std::int64_t count() const override { return batch_.Count(); }

  rocksdb::WriteBatch* batch() { return &batch_; }
  const rocksdb::Status& status() const { return status_; }

 private:
  // The first failure is returned when the batch is written.
  void Note(const rocksdb::Status& status) {
    if (status_.ok()) status_ = status;
  }
  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
};

rocksdb::Options OptionsOf(const KvOptions& options) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.max_open_files = kOpenFilesMax;
  rocks.max_background_jobs = 2;  // a flush and a compaction
  rocks.max_subcompactions = 1;
  rocks.write_buffer_size = kWriteBufferBytes;
  rocks.max_write_buffer_number = 2;
  // A small batch is flushed for those who only read, and its keys lie all over the store. So the
  // first level must be small beside the rest: it is rewritten with each few of these files. With
  // the library's own 256 MB a batch of 100 rows wrote the whole store again, as long as it grew.
  rocks.level0_file_num_compaction_trigger = kSmallFilesMax;
  rocks.level0_slowdown_writes_trigger = 5 * kSmallFilesMax;
  rocks.level0_stop_writes_trigger = 8 * kSmallFilesMax;
  rocks.max_bytes_for_level_base = kFirstLevelBytes;
  rocks.target_file_size_base = kFirstLevelBytes / 4;
  rocks.target_file_size_multiplier = 2;  // so that a large store has hundreds of files
  rocks.info_log = std::make_shared<NoLog>();
  rocks.allow_fallocate = false;  // most stores stay smaller than what would be set aside
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;
  // zstd and lz4 both come with the library; lz4 is the faster to read.
  rocks.compression = rocksdb::kLZ4Compression;
  rocks.paranoid_checks = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(
      static_cast<std::size_t>(std::max<std::int64_t>(options.block_cache_mb, 1)) << 20,
      kCacheShardBits);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.cache_index_and_filter_blocks = true;  // so that the cache bounds them too
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return rocks;
}

// The status of a read. An unreadable sector counts as damage too: the rebuilt store is written
// elsewhere.
Status StatusOfRead(const rocksdb::Status& status, std::string_view what,
                    const std::string& folder) {
  const bool lost =
      status.IsIOError() &&
      status.ToString().find(std::generic_category().message(EIO)) != std::string::npos;
  if (!lost && !status.IsNotSupported()) return StatusOfRocks(status, what, folder);
  return Damaged(
      fmt::format("could not {} the key-value store: {}: {}", what, status.ToString(), folder));
}

Result<std::optional<std::string>> GetFrom(rocksdb::DB& db, const rocksdb::ReadOptions& options,
                                           std::string_view key, const std::string& folder) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      Whole([&] { return db.Get(options, db.DefaultColumnFamily(), SliceOf(key), &value); });
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return StatusOfRead(status, "read", folder);
  return std::optional<std::string>(value.ToString());
}

Status ScanIn(rocksdb::DB& db, rocksdb::ReadOptions options, std::string_view begin,
              std::string_view end,
              const std::function<bool(std::string_view key, std::string_view value)>& visit,
              const std::string& folder) {
  const rocksdb::Slice upper = SliceOf(end);
  options.iterate_upper_bound = &upper;
  options.readahead_size = kIteratorReadaheadBytes;
  const std::unique_ptr<rocksdb::Iterator> iterator(Whole([&] { return db.NewIterator(options); }));
  for (Whole([&] { iterator->Seek(SliceOf(begin)); }); iterator->Valid();
       Whole([&] { iterator->Next(); })) {
    if (!visit(ViewOf(iterator->key()), ViewOf(iterator->value()))) break;
  }
  const rocksdb::Status status = iterator->status();
  return status.ok() ? Status::Ok() : StatusOfRead(status, "scan", folder);
}

class RocksState : public KvState {
 public:
  RocksState(rocksdb::DB& db, const std::string& folder)
      : db_(db), folder_(folder), snapshot_(db.GetSnapshot()) {}
  RocksState(const RocksState&) = delete;
  RocksState& operator=(const RocksState&) = delete;
  ~RocksState() override { db_.ReleaseSnapshot(snapshot_); }

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    return GetFrom(db_, Options(), key, folder_);
  }
  Status Scan(std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view key, std::string_view value)>& visit)
      const override {
    return ScanIn(db_, Options(), begin, end, visit, folder_);
  }

 private:
  rocksdb::ReadOptions Options() const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    return options;
  }
  rocksdb::DB& db_;
  const std::string& folder_;
  const rocksdb::Snapshot* snapshot_;
};

class RocksStore : public KvStore {
 public:
  RocksStore(std::unique_ptr<rocksdb::DB> db, std::string folder)
      : db_(std::move(db)), folder_(std::move(folder)) {}

  std::unique_ptr<KvBatch> NewBatch() override { return std::make_unique<RocksBatch>(); }

  Status Write(KvBatch& batch, bool sync) override {
    auto* rocks = dynamic_cast<RocksBatch*>(&batch);
    WEIRHOUSE_CHECK(rocks != nullptr);
    if (!rocks->status().ok()) return StatusOfRocks(rocks->status(), "fill a batch for", folder_);
    rocksdb::WriteOptions options;
    options.sync = sync;
    // Batches that need not survive a crash skip the write-ahead log: this store is a cache whose
    // markers record its progress, and memory tables reach the disk in the order of their writes. A
    // clean close flushes them.
    options.disableWAL = !sync;
    const rocksdb::Status status = Whole([&] { return db_->Write(options, rocks->batch()); });
    return status.ok() ? Status::Ok() : StatusOfRocks(status, "write to", folder_);
  }

  Result<std::optional<std::string>> Get(std::string_view key) override {
    return GetFrom(*db_, rocksdb::ReadOptions(), key, folder_);
  }

  Result<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) override {
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    Whole([&] {
      db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), slices.size(),
                    slices.data(), values.data(), statuses.data());
    });
    std::vector<std::optional<std::string>> answers(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return StatusOfRead(statuses[i], "read", folder_);
      answers[i] = values[i].ToString();
    }
    return answers;
  }

  Status Scan(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) override {
    return ScanIn(*db_, rocksdb::ReadOptions(), begin, end, visit, folder_);
  }

  std::unique_ptr<KvState> Look() override { return std::make_unique<RocksState>(*db_, folder_); }

  Status Flush() override {
    const rocksdb::Status status = Whole([&] { return db_->Flush(rocksdb::FlushOptions()); });
    return status.ok() ? Status::Ok() : StatusOfRocks(status, "flush", folder_);
  }

  Status Clear() override {
    // A range has an open end, so the last key is deleted by name.
    const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(rocksdb::ReadOptions()));
    iterator->SeekToLast();
    if (!iterator->Valid()) {
      const rocksdb::Status status = iterator->status();
      return status.ok() ? Status::Ok() : StatusOfRocks(status, "clear", folder_);
    }
    RocksBatch batch;
    const std::string last = iterator->key().ToString();
    batch.DeleteRange("", last);
    batch.Delete(last);
    return Write(batch, true);
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::string folder_;
};
}  // namespace

namespace {
// Whether a store has data files but has lost CURRENT, the file by which all others are found.
bool HasFilesWithoutCurrent(const std::string& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder + "/CURRENT", ignored)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("MANIFEST-") || name.ends_with(".sst")) return true;
  }
  return false;
}
}  // namespace

Status RemoveKvStore(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!error) return Status::Ok();
  return Status(
             error == std::errc::permission_denied ? Code::kPermissionDenied : Code::kUnavailable,
             fmt::format("could not remove the key-value store: {}: {}", error.message(), folder))
      .WithError("WH7026");
}

Result<std::unique_ptr<KvStore>> KvStore::Open(const std::string& folder,
                                               const KvOptions& options) {
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status;
  if (HasFilesWithoutCurrent(folder))
    return Damaged(fmt::format("the key-value store has lost its file CURRENT: {}", folder));
  if (options.read_only) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder + "/CURRENT", ignored)) {
      return Status(Code::kNotFound, fmt::format("key-value store does not exist: {}", folder))
          .WithError("WH7028");
    }
    status = Whole([&] { return rocksdb::DB::OpenForReadOnly(OptionsOf(options), folder, &raw); });
  } else {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    status = Whole([&] { return rocksdb::DB::Open(OptionsOf(options), folder, &raw); });
  }
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return StatusOfRocks(status, "open", folder);
  return std::unique_ptr<KvStore>(std::make_unique<RocksStore>(std::move(db), folder));
}
}  // namespace weirhouse::platform
