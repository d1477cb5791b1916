// An immutable sorted run of entries, each a 128-bit key and a few bytes: what a RunStore is made
// of.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/siphash.h"
#include "ground/base/status.h"

namespace weirhouse::platform {

struct RunEntry {
  Hash128 key;
  bool removed = false;      // the key has no value from here on
  std::string_view payload;  // empty if removed
};

// What is known of a run beside its file, so that another file in its place is noticed.
struct RunFacts {
  std::uint64_t id = 0;
  std::uint64_t entries = 0;
  std::uint64_t removed = 0;  // of them
  std::uint64_t size_bytes = 0;
  std::uint32_t checksum = 0;  // of the footer, which has those of the other parts
};

// One bit in each of eight words for a key: says of a key that is absent that it is, but for one in
// 200. At 12 bits a key; blocks as in "Split block Bloom filters" (J. Apple, arXiv:2101.01719),
// addressed by the upper bits of the key, so that sorted keys walk through the filter.
class RunFilter {
 public:
  RunFilter() = default;
  explicit RunFilter(std::uint64_t keys);
  void Add(const Hash128& key);
  bool MayHold(const Hash128& key) const;
  std::span<const std::uint32_t> words() const { return words_; }
  static RunFilter Of(std::vector<std::uint32_t> words);

 private:
  std::size_t BlockOf(const Hash128& key) const;
  std::vector<std::uint32_t> words_;
};

// Where the blocks of a run begin.
struct RunBlocks {
  std::vector<Hash128> first;           // key of each block
  std::vector<std::uint64_t> offset;    // of each, and of their end
  std::vector<std::uint32_t> checksum;  // of each
};

// Writes a run, in ascending order of keys, each once. Not synced. Threads: one. Memory: a buffer of
// 256 KiB, 1.5 bytes a key, and 28 bytes for each block of 4 KiB. An unfinished file is removed.
class RunWriter {
 public:
  static Result<std::unique_ptr<RunWriter>> Make(std::string path, std::uint64_t id,
                                                 std::uint64_t entries_max);
  ~RunWriter();
  RunWriter(const RunWriter&) = delete;
  RunWriter& operator=(const RunWriter&) = delete;
  Status Add(const RunEntry& entry);
  Result<RunFacts> Finish();

 private:
  RunWriter(std::string path, std::uint64_t id, std::uint64_t entries_max, int file);
  void EndBlock();
  Status Flush();

  std::string path_;
  RunFacts facts_;
  int file_;
  RunFilter filter_;
  RunBlocks blocks_;
  std::string buffer_;
  std::size_t block_begin_ = 0;  // in the buffer
  std::uint64_t written_ = 0;    // bytes before the buffer
  Hash128 last_;
  bool finished_ = false;
};

// A key that is looked up, and where it stands among what was asked.
struct AskedKey {
  Hash128 key;
  std::size_t at = 0;
};

// A run for reading. Threads: any. Errors: kCorruption (kDamagedStoreError) if the file is missing,
// unreadable or contradicts itself; kUnavailable.
class RunFile {
 public:
  RunFile(std::string path, const RunFacts& facts) : path_(std::move(path)), facts_(facts) {}
  ~RunFile();
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;

  const RunFacts& facts() const { return facts_; }
  const std::string& path() const { return path_; }
  // Opens the file, checks its footer, and reads its filter and index into memory; once. A file of
  // up to 32 KiB is read whole and closed again, so that many small stores need no descriptors.
  Status Load();
  // Calls `found` for each of `asked` (ascending) that the run has. The payload is valid during the
  // call only.
  using Found = std::function<Status(std::size_t asked, const RunEntry& entry)>;
  Status Find(std::span<const AskedKey> asked, const Found& found);

 private:
  friend class RunCursor;
  Status LoadOnce();
  Status Damaged(std::string_view what) const;
  Status ReadAt(std::uint64_t offset, char* into, std::size_t size) const;
  Status CheckBlock(std::size_t block, std::string_view bytes) const;
  std::size_t BlockOf(const Hash128& key, std::size_t from) const;

  const std::string path_;
  const RunFacts facts_;
  std::mutex mutex_;  // guards the loading
  bool loaded_ = false;
  int file_ = -1;
  std::string whole_;  // a small file's bytes
  RunFilter filter_;
  RunBlocks blocks_;
};

// Reads a run from its beginning. Memory: 256 KiB. Threads: one.
class RunCursor {
 public:
  explicit RunCursor(std::shared_ptr<RunFile> file) : file_(std::move(file)) {}
  // Goes to the next entry; false at the end. The entry is valid until the next call.
  Result<bool> Next();
  const RunEntry& entry() const { return entry_; }

 private:
  Result<bool> Fill();
  std::shared_ptr<RunFile> file_;
  std::string bytes_;
  std::size_t at_ = 0;     // in `bytes_`
  std::size_t block_ = 0;  // the next to read
  std::uint64_t seen_ = 0;
  RunEntry entry_;
};
}  // namespace weirhouse::platform
