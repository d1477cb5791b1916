// The manifest, numbers in little-endian order, replaced by a rename:
//
//   magic (8) | secret (16) | next run's id (8) | runs (4) | size of the state (4) | state |
//   for each run, oldest first: id (8) | entries (8) | removed (8) | size (8) | checksum (4) |
//   CRC-32C of all this (4)
//
// Run 12 is the file 12.run. One that the manifest does not name was written or replaced when the
// process ended; who opens the store next for writing removes it.
#include "ground/platform/kv/run_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>
#include <utility>

#include "ground/base/crc32c.h"
#include "ground/base/failpoint.h"
#include "ground/base/random.h"
#include "ground/platform/io/disk_error.h"
#include "ground/platform/kv/kv_damage.h"
#include "ground/platform/kv/run_bytes.h"
#include "ground/platform/kv/run_sort.h"

namespace weirhouse::platform {
namespace {
namespace fs = std::filesystem;
constexpr std::string_view kMagic("WHRUNS\0\1", 8);
constexpr std::size_t kManifestHead = 8 + 16 + 8 + 4 + 4;
constexpr std::size_t kRunBytes = 36;
constexpr std::size_t kRunsOfClass = 4;                // as many are merged
constexpr std::uint64_t kSmallestClassEntries = 1024;  // up to here it is one class

Status DamagedManifest(std::string_view what, const std::string& folder) {
  return Status(Code::kCorruption, fmt::format("an index {}: {}", what, folder))
      .WithError(kDamagedStoreError)
      .WithHint("it is only a cache; the next writing command rebuilds it from the tables");
}

std::string ManifestOf(const std::string& folder) { return folder + "/manifest"; }

// Absent if there is no such file.
Result<std::optional<std::string>> ReadManifest(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return ErrnoToStatus(errno, "open the manifest of an index", path);
  }
  std::string bytes;
  char piece[4096];
  std::size_t got = 0;
  while ((got = std::fread(piece, 1, sizeof(piece), file)) > 0) bytes.append(piece, got);
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed) return DamagedManifest("has a manifest that cannot be read", path);
  return std::optional(std::move(bytes));
}

bool IsRun(const fs::path& path) { return path.extension() == ".run"; }

bool HasRuns(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (IsRun(entry.path())) return true;
  }
  return false;
}

// 0 for up to kSmallestClassEntries, and one more for each four times as many.
int ClassOf(const RunFacts& facts) {
  int size_class = 0;
  for (std::uint64_t limit = kSmallestClassEntries; facts.entries > limit; limit *= 4) ++size_class;
  return size_class;
}

// A run with its place in a merge.
struct MergeInput {
  std::unique_ptr<RunCursor> cursor;
  bool ended = false;
};

// Walks several runs, oldest first, as one: of equal keys the newest counts.
template <typename Take>
Status WalkRuns(const std::vector<std::shared_ptr<RunFile>>& runs, const Take& take) {
  std::vector<MergeInput> inputs;
  for (const auto& run : runs) {
    inputs.push_back({std::make_unique<RunCursor>(run), false});
    WEIRHOUSE_TRY(const bool more, inputs.back().cursor->Next());
    if (!more) inputs.pop_back();
  }
  while (!inputs.empty()) {
    std::size_t least = inputs.size() - 1;  // the newest of the least
    for (std::size_t i = least; i-- > 0;) {
      if (inputs[i].cursor->entry().key < inputs[least].cursor->entry().key) least = i;
    }
    const Hash128 key = inputs[least].cursor->entry().key;
    WEIRHOUSE_TRY_STATUS(take(inputs[least].cursor->entry()));
    for (std::size_t i = inputs.size(); i-- > 0;) {
      if (inputs[i].cursor->entry().key != key) continue;
      WEIRHOUSE_TRY(const bool more, inputs[i].cursor->Next());
      if (!more) inputs.erase(inputs.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return Status::Ok();
}
}  // namespace

void RunBatch::Put(const Hash128& key, std::string_view payload) {
  const auto order = static_cast<std::uint32_t>(2 * items_.size());
  items_.push_back({key, payloads_.size(), static_cast<std::uint32_t>(payload.size()), order});
  payloads_.append(payload);
}

void RunBatch::Remove(const Hash128& key) {
  items_.push_back({key, 0, 0, static_cast<std::uint32_t>(2 * items_.size() + 1)});
}

RunStore::RunStore(std::string folder, bool read_only, const SipHash128::Key& key)
    : folder_(std::move(folder)), read_only_(read_only), key_(key), secret_(key) {}

std::string RunStore::PathOf(std::uint64_t id) const {
  return fmt::format("{}/{}.run", folder_, id);
}

Result<std::shared_ptr<RunStore>> RunStore::Open(const std::string& folder, bool read_only) {
  WEIRHOUSE_TRY(const std::optional<std::string> manifest, ReadManifest(ManifestOf(folder)));
  SipHash128::Key key{};
  auto standing = std::make_shared<Standing>();
  if (!manifest) {
    if (HasRuns(folder)) return DamagedManifest("has lost its manifest", folder);
    for (std::size_t i = 0; i < key.size(); i += 8)
      SetU64(reinterpret_cast<char*>(key.data()) + i, SystemRandom().Next());
    std::shared_ptr<RunStore> store(new RunStore(folder, read_only, key));
    store->now_ = standing;
    if (read_only) return store;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return ErrnoToStatus(error.value(), "make the folder of an index", folder);
    WEIRHOUSE_TRY_STATUS(store->Save(standing));  // before any run: see HasRuns
    return store;
  }
  const std::string& bytes = *manifest;
  if (bytes.size() < kManifestHead + 4 || !bytes.starts_with(kMagic) ||
      Crc32c(std::string_view(bytes).substr(0, bytes.size() - 4)) !=
          GetU32(bytes.data() + bytes.size() - 4)) {
    return DamagedManifest("has a damaged manifest", folder);
  }
  std::copy_n(bytes.begin() + 8, key.size(), reinterpret_cast<char*>(key.data()));
  standing->next_id = GetU64(bytes.data() + 24);
  const std::size_t runs = GetU32(bytes.data() + 32);
  const std::size_t state = GetU32(bytes.data() + 36);
  if (bytes.size() != kManifestHead + state + runs * kRunBytes + 4)
    return DamagedManifest("has a contradictory manifest", folder);
  std::shared_ptr<RunStore> store(new RunStore(folder, read_only, key));
  standing->state = bytes.substr(kManifestHead, state);
  std::set<std::string> named;
  for (std::size_t i = 0; i < runs; ++i) {
    const char* at = bytes.data() + kManifestHead + state + i * kRunBytes;
    const RunFacts facts{GetU64(at), GetU64(at + 8), GetU64(at + 16), GetU64(at + 24),
                         GetU32(at + 32)};
    standing->runs.push_back(std::make_shared<RunFile>(store->PathOf(facts.id), facts));
    named.insert(fmt::format("{}.run", facts.id));
  }
  store->now_ = std::move(standing);
  if (read_only) return store;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (IsRun(entry.path()) && named.count(entry.path().filename().string()) == 0)
      fs::remove(entry.path(), ignored);
  }
  return store;
}

std::shared_ptr<const RunStore::Standing> RunStore::Now() const {
  const std::scoped_lock lock(mutex_);
  return now_;
}
std::string RunStore::state() const { return Now()->state; }
bool RunStore::empty() const { return Now()->runs.empty(); }
std::size_t RunStore::run_count() const { return Now()->runs.size(); }

Status RunStore::CheckWritable() const {
  if (!read_only_) return Status::Ok();
  return Status(Code::kPermissionDenied,
                fmt::format("could not change an index: it was opened for reading: {}", folder_))
      .WithError("WH7029");
}

Status RunStore::Save(std::shared_ptr<const Standing> standing) {
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(key_.data()), key_.size());
  AppendU64(bytes, standing->next_id);
  AppendU32(bytes, static_cast<std::uint32_t>(standing->runs.size()));
  AppendU32(bytes, static_cast<std::uint32_t>(standing->state.size()));
  bytes += standing->state;
  for (const auto& run : standing->runs) {
    AppendU64(bytes, run->facts().id);
    AppendU64(bytes, run->facts().entries);
    AppendU64(bytes, run->facts().removed);
    AppendU64(bytes, run->facts().size_bytes);
    AppendU32(bytes, run->facts().checksum);
  }
  AppendU32(bytes, Crc32c(bytes));
  const std::string path = ManifestOf(folder_);
  const std::string next = path + ".next";
  std::FILE* const file = std::fopen(next.c_str(), "wbe");
  if (file == nullptr) return ErrnoToStatus(errno, "create the manifest of an index", next);
  const bool wrote = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const int write_error = errno;
  if (std::fclose(file) != 0 || !wrote)
    return ErrnoToStatus(wrote ? errno : write_error, "write the manifest of an index", next);
  if (std::rename(next.c_str(), path.c_str()) != 0)
    return ErrnoToStatus(errno, "replace the manifest of an index", path);
  const std::scoped_lock lock(mutex_);
  now_ = std::move(standing);
  return Status::Ok();
}

Result<RunFacts> RunStore::Write(const RunBatch& batch, std::uint64_t id) const {
  WEIRHOUSE_CHECK(batch.count() < std::numeric_limits<std::uint32_t>::max() / 2);
  std::vector<RunBatch::Item> items = batch.items_;
  SortByKey(items);
  WEIRHOUSE_TRY(const auto writer, RunWriter::Make(PathOf(id), id, items.size()));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const RunBatch::Item& item = items[i];
    if (i + 1 < items.size() && items[i + 1].key == item.key) continue;  // a later change counts
    WEIRHOUSE_TRY_STATUS(
        writer->Add({item.key, (item.order & 1) != 0,
                     std::string_view(batch.payloads_).substr(item.offset, item.size)}));
  }
  return writer->Finish();
}

Status RunStore::Commit(const RunBatch& batch, std::string_view state) {
  WEIRHOUSE_TRY_STATUS(CheckWritable());
  const auto before = Now();
  if (batch.count() == 0 && before->state == state) return Status::Ok();
  auto after = std::make_shared<Standing>(*before);
  after->state = state;
  if (batch.count() > 0) {
    WEIRHOUSE_TRY(const RunFacts facts, Write(batch, after->next_id));
    WEIRHOUSE_FAILPOINT("index.run_written");
    ++after->next_id;
    after->runs.push_back(std::make_shared<RunFile>(PathOf(facts.id), facts));
  }
  WEIRHOUSE_TRY_STATUS(Save(std::move(after)));
  WEIRHOUSE_FAILPOINT("index.committed");
  const Status merged = MergeWhatIsDue();
  // Where the disk has no room, the runs stay as they are until the next commit.
  return merged.code() == Code::kCorruption ? merged : Status::Ok();
}

// A run counts as at least as large as those that are newer, so that classes only fall from the
// oldest to the newest, and runs that are merged lie side by side.
Status RunStore::MergeWhatIsDue() {
  while (true) {
    const auto before = Now();
    const Runs& runs = before->runs;
    std::size_t end = runs.size();
    std::size_t begin = end;
    int size_class = 0;
    while (begin > 0) {
      const int larger = std::max(size_class, ClassOf(runs[begin - 1]->facts()));
      if (larger != size_class) {
        if (end - begin >= kRunsOfClass) break;
        end = begin;
        size_class = larger;
      }
      --begin;
    }
    if (end - begin < kRunsOfClass) return Status::Ok();
    const Runs merged(runs.begin() + static_cast<std::ptrdiff_t>(begin),
                      runs.begin() + static_cast<std::ptrdiff_t>(end));
    WEIRHOUSE_TRY(const RunFacts facts, Merge(merged, /*keep_removed=*/begin > 0, before->next_id));
    auto after = std::make_shared<Standing>(*before);
    ++after->next_id;
    const auto at = after->runs.erase(after->runs.begin() + static_cast<std::ptrdiff_t>(begin),
                                      after->runs.begin() + static_cast<std::ptrdiff_t>(end));
    if (facts.entries > 0)
      after->runs.insert(at, std::make_shared<RunFile>(PathOf(facts.id), facts));
    WEIRHOUSE_FAILPOINT("index.merged");
    WEIRHOUSE_TRY_STATUS(Save(std::move(after)));
    WEIRHOUSE_FAILPOINT("index.merge_committed");
    std::error_code ignored;
    for (const auto& run : merged) fs::remove(run->path(), ignored);
    if (facts.entries == 0) fs::remove(PathOf(facts.id), ignored);
  }
}

Result<RunFacts> RunStore::Merge(const Runs& runs, bool keep_removed, std::uint64_t id) const {
  std::uint64_t entries = 0;
  for (const auto& run : runs) entries += run->facts().entries;
  WEIRHOUSE_TRY(const auto writer, RunWriter::Make(PathOf(id), id, entries));
  WEIRHOUSE_TRY_STATUS(WalkRuns(runs, [&](const RunEntry& entry) {
    return entry.removed && !keep_removed ? Status::Ok() : writer->Add(entry);
  }));
  return writer->Finish();
}

Status RunStore::Clear(std::string_view state) {
  WEIRHOUSE_TRY_STATUS(CheckWritable());
  const auto before = Now();
  auto after = std::make_shared<Standing>();
  after->next_id = before->next_id;
  after->state = state;
  WEIRHOUSE_TRY_STATUS(Save(std::move(after)));
  std::error_code ignored;
  for (const auto& run : before->runs) fs::remove(run->path(), ignored);
  return Status::Ok();
}

namespace {
struct AskedByKey : AskedKey {
  std::uint64_t rank() const { return at; }
};
}  // namespace

Status RunStore::Find(std::span<const Hash128> keys, const Found& found) const {
  const auto now = Now();
  if (now->runs.empty() || keys.empty()) return Status::Ok();
  std::vector<AskedByKey> sorted(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) sorted[i] = {{keys[i], i}};
  SortByKey(sorted);
  std::vector<AskedKey> open(sorted.begin(), sorted.end());
  std::vector<bool> answered;
  for (std::size_t i = now->runs.size(); i-- > 0 && !open.empty();) {
    std::size_t hits = 0;
    answered.assign(open.size(), false);
    WEIRHOUSE_TRY_STATUS(now->runs[i]->Find(open, [&](std::size_t at, const RunEntry& entry) {
      answered[at] = true;
      ++hits;
      return entry.removed ? Status::Ok() : found(open[at].at, entry.payload);
    }));
    if (hits == 0) continue;
    std::size_t kept = 0;
    for (std::size_t at = 0; at < open.size(); ++at) {
      if (!answered[at]) open[kept++] = open[at];
    }
    open.resize(kept);
  }
  return Status::Ok();
}

Status RunStore::ForEach(const Visit& visit) const {
  return WalkRuns(Now()->runs, [&](const RunEntry& entry) {
    return entry.removed ? Status::Ok() : visit(entry.key, entry.payload);
  });
}

namespace {
// A name as a name of a folder.
std::string FolderName(const std::string& name) {
  std::string folder;
  for (const char byte : name) {
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                       byte == '_' || byte == '-' || (byte == '.' && !folder.empty());
    folder +=
        plain ? std::string(1, byte) : fmt::format("%{:02x}", static_cast<unsigned char>(byte));
  }
  return folder;
}
}  // namespace

Result<std::shared_ptr<RunStore>> RunStores::Open(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  std::shared_ptr<RunStore>& store = open_[name];
  if (store == nullptr) {
    WEIRHOUSE_TRY(store, RunStore::Open(folder_ + "/" + FolderName(name), read_only_));
  }
  return store;
}

Status RunStores::KeepOnly(const std::set<std::string>& names) {
  std::set<std::string> kept;
  for (const std::string& name : names) kept.insert(FolderName(name));
  const std::scoped_lock lock(mutex_);
  std::error_code ignored;
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    if (kept.count(entry.path().filename().string()) == 0) gone.push_back(entry.path());
  }
  std::erase_if(open_, [&](const auto& one) { return names.count(one.first) == 0; });
  std::error_code error;
  for (const fs::path& path : gone) {
    fs::remove_all(path, error);
    if (error) return ErrnoToStatus(error.value(), "remove the index of a table", path.string());
  }
  return Status::Ok();
}
}  // namespace weirhouse::platform
