// A manifest, numbers in little-endian order. There are two, written in turn, in place: the one with
// the greater number counts, and if that is not whole, the other, which is one change older. (A
// rename over a file makes some file systems write it out at once, which took 2 ms of each commit.)
//
//   magic (8) | number (8) | secret (16) | next run's id (8) | runs (4) | size of the state (4) |
//   state |
//   for each run, oldest first: id (8) | entries (8) | removed (8) | size (8) | checksum (4) |
//   CRC-32C of all this (4) | bytes of earlier ones, which mean nothing
//
// Run 12 is the file 12.run. One that the manifest does not name was written or replaced when the
// process ended; who opens the store next for writing removes it.
#include "ground/platform/kv/run_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/hash/crc32c.h"
#include "ground/base/random.h"
#include "ground/platform/io/disk_error.h"
#include "ground/platform/kv/kv_damage.h"
#include "ground/platform/kv/run_bytes.h"
#include "ground/platform/kv/run_sort.h"

namespace weirhouse::platform {
namespace {
namespace fs = std::filesystem;
constexpr std::string_view kManifestMagic("WHRUNS\0\1", 8);
constexpr std::size_t kManifestHeadBytes = 8 + 8 + 16 + 8 + 4 + 4;
constexpr std::size_t kRunFactsBytes = 36;
constexpr std::size_t kRunsOfClass = 4;       // as many are merged
constexpr std::size_t kRunsOfLargeClass = 8;  // merges cost more than a run more to ask
constexpr int kLargeClass = 4;                // from 64 Ki entries on
constexpr std::size_t kPayloadBlockBytes = 256 << 10;
constexpr std::size_t kPayloadsAhead = 16;
constexpr std::uint64_t kSmallestClassEntries = 1024;  // up to here it is one class

Status DamagedManifest(std::string_view what, const std::string& folder) {
  return Status(Code::kCorruption, fmt::format("an index {}: {}", what, folder))
      .WithError(kDamagedStoreError)
      .WithHint("it is only a cache; the next writing command rebuilds it from the tables");
}

std::string ManifestOf(const std::string& folder, std::uint64_t number) {
  return fmt::format("{}/manifest.{}", folder, number % 2);
}

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

// A manifest that is whole.
struct Manifest {
  std::uint64_t number = 0;
  SipHash128::Key secret{};
  std::uint64_t next_id = 1;
  std::string state;
  std::vector<RunFacts> runs;
};

std::string BytesOf(const Manifest& manifest) {
  std::string bytes(kManifestMagic);
  AppendU64(bytes, manifest.number);
  bytes.append(reinterpret_cast<const char*>(manifest.secret.data()), manifest.secret.size());
  AppendU64(bytes, manifest.next_id);
  AppendU32(bytes, static_cast<std::uint32_t>(manifest.runs.size()));
  AppendU32(bytes, static_cast<std::uint32_t>(manifest.state.size()));
  bytes += manifest.state;
  for (const RunFacts& run : manifest.runs) {
    AppendU64(bytes, run.id);
    AppendU64(bytes, run.entries);
    AppendU64(bytes, run.removed);
    AppendU64(bytes, run.size_bytes);
    AppendU32(bytes, run.checksum);
  }
  AppendU32(bytes, Crc32c(bytes));
  return bytes;
}

// Absent if the bytes contradict themselves.
std::optional<Manifest> ParseManifest(std::string_view bytes) {
  if (bytes.size() < kManifestHeadBytes + 4 || !bytes.starts_with(kManifestMagic))
    return std::nullopt;
  const std::uint64_t runs = GetU32(bytes.data() + 40);
  const std::uint64_t state = GetU32(bytes.data() + 44);
  const std::uint64_t end = kManifestHeadBytes + state + runs * kRunFactsBytes;
  if (bytes.size() < end + 4 || Crc32c(bytes.substr(0, end)) != GetU32(bytes.data() + end))
    return std::nullopt;
  Manifest manifest;
  manifest.number = GetU64(bytes.data() + 8);
  std::copy_n(bytes.data() + 16, manifest.secret.size(),
              reinterpret_cast<char*>(manifest.secret.data()));
  manifest.next_id = GetU64(bytes.data() + 32);
  manifest.state = bytes.substr(kManifestHeadBytes, state);
  for (const char* at = bytes.data() + kManifestHeadBytes + state; at < bytes.data() + end;
       at += kRunFactsBytes) {
    manifest.runs.push_back(
        {GetU64(at), GetU64(at + 8), GetU64(at + 16), GetU64(at + 24), GetU32(at + 32)});
  }
  return manifest;
}

// The one that counts; absent if there is none.
Result<std::optional<Manifest>> FindManifest(const std::string& folder) {
  std::optional<Manifest> newest;
  bool damaged = false;
  for (std::uint64_t number = 0; number < 2; ++number) {
    WEIRHOUSE_TRY(const auto bytes, ReadManifest(ManifestOf(folder, number)));
    if (!bytes) continue;
    std::optional<Manifest> one = ParseManifest(*bytes);
    damaged = damaged || !one;
    if (one && (!newest || newest->number < one->number)) newest = std::move(one);
  }
  if (!newest && damaged) return DamagedManifest("has a damaged manifest", folder);
  return newest;
}

Status WriteManifest(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return ErrnoToStatus(errno, "open the manifest of an index", path);
  Status status;
  while (!bytes.empty() && status.ok()) {
    const ssize_t wrote = ::write(file, bytes.data(), bytes.size());
    if (wrote < 0 && errno != EINTR)
      status = ErrnoToStatus(errno, "write the manifest of an index", path);
    if (wrote > 0) bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::close(file) != 0 && status.ok())
    status = ErrnoToStatus(errno, "close the manifest of an index", path);
  return status;
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
  if (payload.size() > block_left_) {
    block_left_ = std::max(kPayloadBlockBytes, payload.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_left_));
    block_at_ = blocks_.back().get();
  }
  std::copy(payload.begin(), payload.end(), block_at_);
  items_.push_back({key, block_at_, static_cast<std::uint32_t>(payload.size()), order});
  block_at_ += payload.size();
  block_left_ -= payload.size();
  payload_bytes_ += payload.size();
}

void RunBatch::Remove(const Hash128& key) {
  items_.push_back({key, nullptr, 0, static_cast<std::uint32_t>(2 * items_.size() + 1)});
}

RunStore::RunStore(std::string folder, bool read_only, const SipHash128::Key& key)
    : folder_(std::move(folder)), read_only_(read_only), key_(key), secret_(key) {}

std::string RunStore::PathOf(std::uint64_t id) const {
  return fmt::format("{}/{}.run", folder_, id);
}

Result<std::shared_ptr<RunStore>> RunStore::Open(const std::string& folder, bool read_only) {
  WEIRHOUSE_TRY(const std::optional<Manifest> manifest, FindManifest(folder));
  auto standing = std::make_shared<Standing>();
  std::error_code error;
  if (!manifest) {
    if (HasRuns(folder)) return DamagedManifest("has lost its manifest", folder);
    SipHash128::Key key{};
    for (std::size_t i = 0; i < key.size(); i += 8)
      SetU64(reinterpret_cast<char*>(key.data()) + i, SystemRandom().Next());
    std::shared_ptr<RunStore> store(new RunStore(folder, read_only, key));
    store->now_ = standing;
    if (read_only) return store;
    fs::create_directories(folder, error);
    if (error) return ErrnoToStatus(error.value(), "make the folder of an index", folder);
    WEIRHOUSE_TRY_STATUS(store->Save(std::make_shared<Standing>()));  // before any run: see HasRuns
    return store;
  }
  std::shared_ptr<RunStore> store(new RunStore(folder, read_only, manifest->secret));
  standing->number = manifest->number;
  standing->next_id = manifest->next_id;
  standing->state = manifest->state;
  std::set<std::string> named;
  for (const RunFacts& facts : manifest->runs) {
    standing->runs.push_back(std::make_shared<RunFile>(store->PathOf(facts.id), facts));
    named.insert(fmt::format("{}.run", facts.id));
  }
  store->now_ = std::move(standing);
  if (read_only) return store;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (IsRun(entry.path()) && named.count(entry.path().filename().string()) == 0)
      fs::remove(entry.path(), error);
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

Status RunStore::Save(std::shared_ptr<Standing> standing) {
  standing->number = Now()->number + 1;
  Manifest manifest{standing->number, key_, standing->next_id, standing->state, {}};
  for (const auto& run : standing->runs) manifest.runs.push_back(run->facts());
  WEIRHOUSE_TRY_STATUS(WriteManifest(ManifestOf(folder_, manifest.number), BytesOf(manifest)));
  const std::scoped_lock lock(mutex_);
  now_ = std::move(standing);
  return Status::Ok();
}

Result<RunFacts> RunStore::Write(const RunBatch& batch, std::uint64_t id) const {
  WEIRHOUSE_CHECK(batch.count() < std::numeric_limits<std::uint32_t>::max() / 2);
  const std::vector<RunBatch::Item> items = SortedByKey<RunBatch::Item>(batch.items_);
  WEIRHOUSE_TRY(const auto writer, RunWriter::Make(PathOf(id), id, items.size()));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const RunBatch::Item& item = items[i];
    // In the order of keys, payloads lie anywhere.
    if (i + kPayloadsAhead < items.size()) __builtin_prefetch(items[i + kPayloadsAhead].payload);
    if (i + 1 < items.size() && items[i + 1].key == item.key) continue;  // a later change counts
    WEIRHOUSE_TRY_STATUS(writer->Add({item.key, (item.order & 1) != 0, {item.payload, item.size}}));
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
  const auto runs_of = [](int size_class) {
    return size_class < kLargeClass ? kRunsOfClass : kRunsOfLargeClass;
  };
  while (true) {
    const auto before = Now();
    const Runs& runs = before->runs;
    std::size_t end = runs.size();
    std::size_t begin = end;
    int size_class = 0;
    while (begin > 0) {
      const int larger = std::max(size_class, ClassOf(runs[begin - 1]->facts()));
      if (larger != size_class) {
        if (end - begin >= runs_of(size_class)) break;
        end = begin;
        size_class = larger;
      }
      --begin;
    }
    if (end - begin < runs_of(size_class)) return Status::Ok();
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
  std::vector<AskedByKey> asked(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) asked[i] = {{keys[i], i}};
  const std::vector<AskedByKey> sorted = SortedByKey<AskedByKey>(asked);
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
