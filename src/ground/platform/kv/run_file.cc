// A run, numbers in little-endian order:
//
//   blocks of about 4 KiB, one behind the other. An entry, never divided between blocks:
//        key (16: high, low) | size of the payload (4; ffffffff = removed) | payload
//   filter   4 bytes a word
//   index    for each block: first key (16) | offset (8) | CRC-32C of the block (4)
//   footer   magic (8) | entries (8) | removed (8) | words of the filter (8) | blocks (8) |
//            end of the blocks (8) | CRC-32C of filter and index (4) | CRC-32C of the footer (4)
#include "ground/platform/kv/run_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ground/base/crc32c.h"
#include "ground/platform/io/disk_error.h"
#include "ground/platform/kv/kv_damage.h"
#include "ground/platform/kv/run_bytes.h"

namespace weirhouse::platform {
namespace {
constexpr std::string_view kRunMagic("WHRUN\0\0\1", 8);
constexpr std::size_t kRunFooterBytes = 56;
constexpr std::size_t kBlockIndexBytes = 28;  // of a block
constexpr std::size_t kRunBlockBytes = 4096;
constexpr std::size_t kRunBufferBytes = 256 << 10;
constexpr std::size_t kEntryHeadBytes = 20;
constexpr std::uint32_t kRemovedEntry = 0xffffffff;
constexpr std::uint64_t kFilterBitsOfKey = 12;
constexpr std::size_t kFilterWords = 8;   // of a block of the filter
constexpr std::size_t kWholeRunBytesMax = 32 << 10;
constexpr std::size_t kGapBlocksMax = 2;  // between two blocks that are read in one piece

// The entry at `at`, or false where the bytes end within it.
bool TakeEntry(std::string_view bytes, std::size_t& at, RunEntry& entry) {
  if (bytes.size() - at < kEntryHeadBytes) return false;
  entry.key = {GetU64(bytes.data() + at), GetU64(bytes.data() + at + 8)};
  const std::uint32_t size = GetU32(bytes.data() + at + 16);
  entry.removed = size == kRemovedEntry;
  const std::size_t payload = entry.removed ? 0 : size;
  if (bytes.size() - at - kEntryHeadBytes < payload) return false;
  entry.payload = bytes.substr(at + kEntryHeadBytes, payload);
  at += kEntryHeadBytes + payload;
  return true;
}
}  // namespace

RunFilter::RunFilter(std::uint64_t keys)
    : words_(static_cast<std::size_t>((std::max<std::uint64_t>(keys, 1) * kFilterBitsOfKey + 255) /
                                      256) *
                 kFilterWords,
             0) {}

RunFilter RunFilter::Of(std::vector<std::uint32_t> words) {
  RunFilter filter;
  filter.words_ = std::move(words);
  return filter;
}

std::size_t RunFilter::BlockOf(const Hash128& key) const {
  __extension__ using Wide = unsigned __int128;
  const Wide wide = static_cast<Wide>(key.high) * (words_.size() / kFilterWords);
  return static_cast<std::size_t>(wide >> 64) * kFilterWords;
}

void RunFilter::Add(const Hash128& key) {
  std::uint32_t* const block = words_.data() + BlockOf(key);
  for (std::size_t i = 0; i < kFilterWords; ++i)
    block[i] |= std::uint32_t{1} << ((key.low >> (5 * i)) & 31);
}

bool RunFilter::MayHold(const Hash128& key) const {
  const std::uint32_t* const block = words_.data() + BlockOf(key);
  std::uint32_t held = 1;
  for (std::size_t i = 0; i < kFilterWords; ++i) held &= block[i] >> ((key.low >> (5 * i)) & 31);
  return held != 0;
}

Result<std::unique_ptr<RunWriter>> RunWriter::Make(std::string path, std::uint64_t id,
                                                   std::uint64_t entries_max) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return ErrnoToStatus(errno, "create a run of an index", path);
  return std::unique_ptr<RunWriter>(new RunWriter(std::move(path), id, entries_max, file));
}

RunWriter::RunWriter(std::string path, std::uint64_t id, std::uint64_t entries_max, int file)
    : path_(std::move(path)), file_(file), filter_(entries_max) {
  facts_.id = id;
  buffer_.reserve(kRunBufferBytes + kRunBlockBytes);
}

RunWriter::~RunWriter() {
  if (file_ >= 0) ::close(file_);
  if (!finished_) ::unlink(path_.c_str());
}

Status RunWriter::Add(const RunEntry& entry) {
  WEIRHOUSE_CHECK(facts_.entries == 0 || last_ < entry.key);
  last_ = entry.key;
  const std::size_t size = kEntryHeadBytes + entry.payload.size();
  if (buffer_.size() > block_begin_ && buffer_.size() - block_begin_ + size > kRunBlockBytes) {
    EndBlock();
    if (buffer_.size() >= kRunBufferBytes) WEIRHOUSE_TRY_STATUS(Flush());
  }
  if (buffer_.size() == block_begin_) {
    blocks_.first.push_back(entry.key);
    blocks_.offset.push_back(written_ + buffer_.size());
  }
  char head[kEntryHeadBytes];
  SetU64(head, entry.key.high);
  SetU64(head + 8, entry.key.low);
  SetU32(head + 16,
         entry.removed ? kRemovedEntry : static_cast<std::uint32_t>(entry.payload.size()));
  buffer_.append(head, kEntryHeadBytes);
  if (!entry.removed) buffer_.append(entry.payload);
  filter_.Add(entry.key);
  ++facts_.entries;
  facts_.removed += entry.removed ? 1 : 0;
  return Status::Ok();
}

void RunWriter::EndBlock() {
  blocks_.checksum.push_back(Crc32c(std::string_view(buffer_).substr(block_begin_)));
  block_begin_ = buffer_.size();
}

Status RunWriter::Flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t wrote = ::write(file_, left.data(), left.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoToStatus(errno, "write a run of an index", path_);
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  written_ += buffer_.size();
  buffer_.clear();
  block_begin_ = 0;
  return Status::Ok();
}

Result<RunFacts> RunWriter::Finish() {
  if (buffer_.size() > block_begin_) EndBlock();
  const std::uint64_t blocks_end = written_ + buffer_.size();
  WEIRHOUSE_TRY_STATUS(Flush());
  std::uint32_t checksum = 0;
  const auto flush = [&](std::size_t at_least) {
    if (buffer_.size() < at_least) return Status::Ok();
    checksum = Crc32c(buffer_, checksum);
    return Flush();
  };
  for (const std::uint32_t word : filter_.words()) {
    AppendU32(buffer_, word);
    WEIRHOUSE_TRY_STATUS(flush(kRunBufferBytes));
  }
  for (std::size_t i = 0; i < blocks_.first.size(); ++i) {
    AppendU64(buffer_, blocks_.first[i].high);
    AppendU64(buffer_, blocks_.first[i].low);
    AppendU64(buffer_, blocks_.offset[i]);
    AppendU32(buffer_, blocks_.checksum[i]);
    WEIRHOUSE_TRY_STATUS(flush(kRunBufferBytes));
  }
  WEIRHOUSE_TRY_STATUS(flush(1));
  buffer_.append(kRunMagic);
  AppendU64(buffer_, facts_.entries);
  AppendU64(buffer_, facts_.removed);
  AppendU64(buffer_, filter_.words().size());
  AppendU64(buffer_, blocks_.first.size());
  AppendU64(buffer_, blocks_end);
  AppendU32(buffer_, checksum);
  facts_.checksum = Crc32c(buffer_);
  AppendU32(buffer_, facts_.checksum);
  WEIRHOUSE_TRY_STATUS(Flush());
  facts_.size_bytes = written_;
  const int closed = ::close(file_);
  file_ = -1;
  if (closed != 0) return ErrnoToStatus(errno, "close a run of an index", path_);
  finished_ = true;
  return facts_;
}

RunFile::~RunFile() {
  if (file_ >= 0) ::close(file_);
}

Status RunFile::Damaged(std::string_view what) const {
  return Status(Code::kCorruption, fmt::format("a run of an index {}: {}", what, path_))
      .WithError(kDamagedStoreError)
      .WithHint("it is only a cache; the next writing command rebuilds it from the tables");
}

Status RunFile::ReadAt(std::uint64_t offset, char* into, std::size_t size) const {
  if (!whole_.empty()) {
    if (offset > whole_.size() || size > whole_.size() - offset) return Damaged("is too short");
    whole_.copy(into, size, offset);
    return Status::Ok();
  }
  while (size > 0) {
    const ssize_t got = ::pread(file_, into, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EIO) return Damaged("cannot be read");  // it is written elsewhere anew
    if (got < 0) return ErrnoToStatus(errno, "read a run of an index", path_);
    if (got == 0) return Damaged("is too short");
    into += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return Status::Ok();
}

Status RunFile::Load() {
  const std::scoped_lock lock(mutex_);
  if (loaded_) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(LoadOnce());
  loaded_ = true;
  return Status::Ok();
}

Status RunFile::LoadOnce() {
  whole_.clear();
  if (file_ < 0) file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) {
    return errno == ENOENT ? Damaged("is missing")
                           : ErrnoToStatus(errno, "open a run of an index", path_);
  }
  struct stat found{};
  if (::fstat(file_, &found) != 0) return ErrnoToStatus(errno, "look at a run of an index", path_);
  if (static_cast<std::uint64_t>(found.st_size) != facts_.size_bytes ||
      facts_.size_bytes < kRunFooterBytes) {
    return Damaged("has another size");
  }
  if (facts_.size_bytes <= kWholeRunBytesMax) {
    std::string bytes(facts_.size_bytes, '\0');
    WEIRHOUSE_TRY_STATUS(ReadAt(0, bytes.data(), bytes.size()));
    whole_ = std::move(bytes);
    ::close(file_);
    file_ = -1;
  }
  std::string footer(kRunFooterBytes, '\0');
  const std::uint64_t footer_at = facts_.size_bytes - kRunFooterBytes;
  WEIRHOUSE_TRY_STATUS(ReadAt(footer_at, footer.data(), footer.size()));
  const std::uint32_t checksum = Crc32c(std::string_view(footer).substr(0, kRunFooterBytes - 4));
  if (checksum != facts_.checksum || GetU32(footer.data() + kRunFooterBytes - 4) != checksum ||
      !footer.starts_with(kRunMagic) || GetU64(footer.data() + 8) != facts_.entries) {
    return Damaged("is another than was written");
  }
  const std::uint64_t words = GetU64(footer.data() + 24);
  const std::uint64_t blocks = GetU64(footer.data() + 32);
  const std::uint64_t blocks_end = GetU64(footer.data() + 40);
  if (words % kFilterWords != 0 || words == 0 || words > footer_at || blocks > footer_at ||
      blocks_end + words * 4 + blocks * kBlockIndexBytes != footer_at) {
    return Damaged("contradicts itself");
  }
  std::vector<std::uint32_t> filter(words);
  WEIRHOUSE_TRY_STATUS(ReadAt(blocks_end, reinterpret_cast<char*>(filter.data()), words * 4));
  std::string index(blocks * kBlockIndexBytes, '\0');
  WEIRHOUSE_TRY_STATUS(ReadAt(blocks_end + words * 4, index.data(), index.size()));
  const std::string_view filter_bytes(reinterpret_cast<const char*>(filter.data()), words * 4);
  if (Crc32c(index, Crc32c(filter_bytes)) != GetU32(footer.data() + 48))
    return Damaged("has a damaged index");
  for (std::uint32_t& word : filter) word = GetU32(reinterpret_cast<const char*>(&word));
  RunBlocks read;
  read.first.reserve(blocks);
  read.offset.reserve(blocks + 1);
  read.checksum.reserve(blocks);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const char* at = index.data() + i * kBlockIndexBytes;
    read.first.push_back({GetU64(at), GetU64(at + 8)});
    read.offset.push_back(GetU64(at + 16));
    read.checksum.push_back(GetU32(at + 24));
  }
  read.offset.push_back(blocks_end);
  if (!std::is_sorted(read.offset.begin(), read.offset.end()) ||
      !std::is_sorted(read.first.begin(), read.first.end()) || read.offset.front() != 0) {
    return Damaged("has a contradictory index");
  }
  filter_ = RunFilter::Of(std::move(filter));
  blocks_ = std::move(read);
  return Status::Ok();
}

Status RunFile::CheckBlock(std::size_t block, std::string_view bytes) const {
  if (Crc32c(bytes) == blocks_.checksum[block]) return Status::Ok();
  return Damaged(fmt::format("has a damaged block {}", block));
}

// The last block whose first key is not behind `key`, not before block `from`, which is one of
// those: by steps that double, since the next key is near.
std::size_t RunFile::BlockOf(const Hash128& key, std::size_t from) const {
  std::size_t step = 1;
  std::size_t low = from;
  while (low + step < blocks_.first.size() && blocks_.first[low + step] <= key) {
    low += step;
    step *= 2;
  }
  const auto begin = blocks_.first.begin() + static_cast<std::ptrdiff_t>(low);
  const auto end = blocks_.first.begin() +
                   static_cast<std::ptrdiff_t>(std::min(low + step, blocks_.first.size()));
  return static_cast<std::size_t>(std::upper_bound(begin, end, key) - blocks_.first.begin()) - 1;
}

Status RunFile::Find(std::span<const AskedKey> asked, const Found& found) {
  WEIRHOUSE_TRY_STATUS(Load());
  if (blocks_.first.empty()) return Status::Ok();
  struct Wanted {
    std::size_t asked;
    std::size_t block;
  };
  std::vector<Wanted> wanted;
  std::size_t block = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Hash128& key = asked[i].key;
    if (!filter_.MayHold(key) || key < blocks_.first.front()) continue;
    block = BlockOf(key, block);
    wanted.push_back({i, block});
  }
  std::string buffer;
  for (std::size_t begin = 0; begin < wanted.size();) {
    const std::size_t first = wanted[begin].block;
    std::size_t end = begin + 1;
    while (end < wanted.size() && wanted[end].block - wanted[end - 1].block <= kGapBlocksMax + 1 &&
           blocks_.offset[wanted[end].block + 1] - blocks_.offset[first] <= kRunBufferBytes) {
      ++end;
    }
    const std::uint64_t offset = blocks_.offset[first];
    buffer.resize(blocks_.offset[wanted[end - 1].block + 1] - offset);
    WEIRHOUSE_TRY_STATUS(ReadAt(offset, buffer.data(), buffer.size()));
    while (begin < end) {
      const std::size_t now = wanted[begin].block;
      const std::string_view bytes = std::string_view(buffer).substr(
          blocks_.offset[now] - offset, blocks_.offset[now + 1] - blocks_.offset[now]);
      WEIRHOUSE_TRY_STATUS(CheckBlock(now, bytes));
      RunEntry entry;
      for (std::size_t at = 0; at < bytes.size() && begin < end && wanted[begin].block == now;) {
        if (!TakeEntry(bytes, at, entry)) return Damaged("has an entry without an end");
        while (begin < end && wanted[begin].block == now &&
               asked[wanted[begin].asked].key <= entry.key) {
          if (asked[wanted[begin].asked].key == entry.key)
            WEIRHOUSE_TRY_STATUS(found(wanted[begin].asked, entry));
          ++begin;
        }
      }
      while (begin < end && wanted[begin].block == now) ++begin;  // behind the block's last key
    }
  }
  return Status::Ok();
}

Result<bool> RunCursor::Fill() {
  const RunBlocks& blocks = file_->blocks_;
  const std::size_t count = blocks.first.size();
  if (block_ == count) return false;
  std::size_t end = block_ + 1;
  while (end < count && blocks.offset[end + 1] - blocks.offset[block_] <= kRunBufferBytes) ++end;
  bytes_.resize(blocks.offset[end] - blocks.offset[block_]);
  at_ = 0;
  WEIRHOUSE_TRY_STATUS(file_->ReadAt(blocks.offset[block_], bytes_.data(), bytes_.size()));
  const std::uint64_t begin = blocks.offset[block_];
  for (; block_ < end; ++block_) {
    WEIRHOUSE_TRY_STATUS(file_->CheckBlock(
        block_,
        std::string_view(bytes_).substr(blocks.offset[block_] - begin,
                                        blocks.offset[block_ + 1] - blocks.offset[block_])));
  }
  return true;
}

Result<bool> RunCursor::Next() {
  if (at_ == bytes_.size()) {
    WEIRHOUSE_TRY_STATUS(file_->Load());
    WEIRHOUSE_TRY(const bool more, Fill());
    if (!more) {
      if (seen_ != file_->facts_.entries) return file_->Damaged("has another number of entries");
      return false;
    }
  }
  if (!TakeEntry(bytes_, at_, entry_)) return file_->Damaged("has an entry without an end");
  ++seen_;
  return true;
}
}  // namespace weirhouse::platform
