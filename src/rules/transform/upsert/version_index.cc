#include "rules/transform/upsert/version_index.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "ground/platform/kv/kv_damage.h"
#include "rules/transform/upsert/index_marker.h"
#include "rules/transform/upsert/loser_table.h"
#include "rules/transform/upsert/upsert.h"

namespace weirhouse::transform {
namespace {

constexpr std::size_t kVersionDigestBytes = 32;
constexpr std::size_t kBatchBytesMax = 64 << 20;

Status UnreadableVersion(std::string_view what) {
  return Status(Code::kCorruption,
                "the index of versions holds an entry of the wrong size: " + std::string(what))
      .WithError(platform::kDamagedStoreError)
      .WithHint("delete the cache folder: it is rebuilt from the tables");
}
// The snapshot, and the columns that groups are made of.
std::string Marker(SnapshotId snapshot, const std::vector<std::string>& key,
                   const std::vector<std::string>& order) {
  std::vector<std::string> pieces = key;
  pieces.emplace_back();  // a separator: no column has an empty name
  pieces.insert(pieces.end(), order.begin(), order.end());
  return BytesOfId(snapshot.value()) + std::string(Sha256OfPieces(pieces).view().substr(0, 8));
}
}  // namespace

Digest VersionGroup(std::string_view key, std::string_view order) {
  static thread_local Sha256 hash;
  hash.UpdateSized(key);
  hash.Update(order);
  return hash.Finish();
}

// The open store, and what is derived from its secret.
struct VersionIndex::Open {
  explicit Open(std::shared_ptr<platform::RunStore> opened)
      : store(std::move(opened)), best(store->Hash("best")), other(store->Hash("other")) {}

  Hash128 BestKey(const Digest& group) const { return best(group.view()); }
  Hash128 OtherKey(const Version& version) const {
    char bytes[2 * kVersionDigestBytes];
    std::memcpy(bytes, version.group.bytes.data(), kVersionDigestBytes);
    std::memcpy(bytes + kVersionDigestBytes, version.content.bytes.data(), kVersionDigestBytes);
    return other(std::string_view(bytes, sizeof(bytes)));
  }

  const std::shared_ptr<platform::RunStore> store;
  const SipHash128 best;
  const SipHash128 other;
};

VersionIndex::VersionIndex(platform::RunStores& stores, std::string_view table_name,
                           std::vector<std::string> key_columns,
                           std::vector<std::string> order_columns, Memory memory)
    : stores_(stores),
      table_name_(table_name),
      key_columns_(std::move(key_columns)),
      order_columns_(std::move(order_columns)),
      memory_(memory) {}

std::string VersionIndex::StoreName(std::string_view table_name) {
  return "versions." + std::string(table_name);
}

Result<VersionIndex::Open*> VersionIndex::Opened() {
  const std::scoped_lock lock(mutex_);
  if (open_ == nullptr) {
    WEIRHOUSE_TRY(auto store, stores_.Open(StoreName(table_name_)));
    open_ = std::make_shared<Open>(std::move(store));
  }
  return open_.get();
}

Status VersionIndex::Refresh(platform::ObjectStore& store, const iceberg::TablePtr& source) {
  WEIRHOUSE_TRY(Open* const index, Opened());
  const std::string at = index->store->state();
  const iceberg::Snapshot* snapshot = source == nullptr ? nullptr : source->current_snapshot();
  const SnapshotId wanted = snapshot == nullptr ? SnapshotId(0) : snapshot->id;
  const std::string marker = Marker(wanted, key_columns_, order_columns_);
  if (at == marker) return Status::Ok();
  std::optional<std::int64_t> stood;
  const bool mine =
      at.size() == marker.size() && at.compare(kIdBytes, std::string::npos, marker, kIdBytes) == 0;
  if (mine && snapshot != nullptr) stood = OnlyAddedSince(*source, SnapshotId(IdOfBytes(at)));
  if (!stood) WEIRHOUSE_TRY_STATUS(index->store->Clear({}));
  if (snapshot != nullptr) WEIRHOUSE_TRY_STATUS(Read(store, source, stood));
  return Write({}, wanted);
}

// Reading a row again changes nothing, in any order: the greatest content of a group is best.
Status VersionIndex::Read(platform::ObjectStore& store, const iceberg::TablePtr& source,
                          std::optional<std::int64_t> after_sequence_number) {
  iceberg::ScanOptions options;
  options.after_sequence_number = after_sequence_number;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(store, source, options));
  for (const auto& task : scan.tasks()) {
    WEIRHOUSE_TRY(const auto rows, scan.Read(task));
    WEIRHOUSE_TRY(const VersionChanges changes, VersionsOf(*rows));
    WEIRHOUSE_TRY_STATUS(Write(changes, std::nullopt));
  }
  return Status::Ok();
}

Result<VersionChanges> VersionIndex::VersionsOf(const arrow::Table& rows) {
  std::vector<Version> standing;
  if (memory_ == Memory::kHistory) {
    WEIRHOUSE_TRY(const RowFacts facts, FactsOfRows(rows, key_columns_, order_columns_));
    for (std::size_t i = 0; i < facts.keys.size(); ++i) {
      standing.push_back({VersionGroup(facts.keys[i], facts.orders[i]), facts.contents[i],
                          RecordId(facts.records[i])});
    }
    return BestAndOthers(std::move(standing));
  }
  WEIRHOUSE_TRY(const std::vector<StoredLoser> losers, ReadLosers(rows));
  std::vector<Version> conflicts;
  for (const StoredLoser& loser : losers) {
    if (loser.table != table_name_ || !loser.version) continue;
    auto& kind = loser.state == RecordState::kConflict ? conflicts : standing;
    kind.push_back({loser.version->group, loser.version->content, loser.record});
  }
  WEIRHOUSE_TRY(VersionChanges changes, BestAndOthers(std::move(standing)));
  WEIRHOUSE_TRY(conflicts, Oldest(std::move(conflicts)));
  changes.others.insert(changes.others.end(), conflicts.begin(), conflicts.end());
  return changes;
}

// The greatest version of each group becomes its best, whether from `standing` or already known. Of
// equal contents the lowest record counts, because a log of losers may name another one from before
// it came.
Result<VersionChanges> VersionIndex::BestAndOthers(std::vector<Version> standing) {
  std::sort(standing.begin(), standing.end(), [](const Version& a, const Version& b) {
    return std::tie(a.group, a.content, a.record) < std::tie(b.group, b.content, b.record);
  });
  const auto same = [](const Version& a, const Version& b) {
    return a.group == b.group && a.content == b.content;
  };
  standing.erase(std::unique(standing.begin(), standing.end(), same), standing.end());
  std::vector<Digest> names;
  for (const Version& version : standing) {
    if (names.empty() || names.back() != version.group) names.push_back(version.group);
  }
  WEIRHOUSE_TRY(const auto known, FindBest(names));
  VersionChanges changes;
  changes.best.reserve(names.size());
  std::size_t begin = 0;
  for (std::size_t at = 0; at < names.size(); ++at) {
    std::optional<Version> best = known[at];
    for (; begin < standing.size() && standing[begin].group == names[at]; ++begin) {
      Version& version = standing[begin];
      if (best && best->content == version.content) {
        best->record = std::min(best->record, version.record);
        continue;
      }
      if (best && version.content < best->content) std::swap(*best, version);
      if (best) changes.others.push_back(std::move(*best));
      best = std::move(version);
    }
    changes.best.push_back(*std::move(best));
  }
  return changes;
}

// Without those of which an older record is known.
Result<std::vector<Version>> VersionIndex::Oldest(std::vector<Version> others) {
  std::sort(others.begin(), others.end(), [](const Version& a, const Version& b) {
    return std::tie(a.group, a.content, b.record) < std::tie(b.group, b.content, a.record);
  });
  WEIRHOUSE_TRY(const auto known, FindOthers(others));
  std::vector<Version> oldest;
  for (std::size_t i = 0; i < others.size(); ++i) {
    if (!known[i] || others[i].record < *known[i]) oldest.push_back(std::move(others[i]));
  }
  return oldest;
}

Result<std::vector<std::optional<Version>>> VersionIndex::FindBest(
    const std::vector<Digest>& groups) {
  WEIRHOUSE_TRY(const Open* const index, Opened());
  std::vector<std::optional<Version>> found(groups.size());
  if (groups.empty() || index->store->empty()) return found;
  std::vector<Hash128> keys;
  keys.reserve(groups.size());
  for (const Digest& group : groups) keys.push_back(index->BestKey(group));
  WEIRHOUSE_TRY_STATUS(index->store->Find(keys, [&](std::size_t at, std::string_view bytes) {
    if (bytes.size() != kVersionDigestBytes + kIdBytes) return UnreadableVersion("best");
    Version& version = found[at].emplace();
    version.group = groups[at];
    version.record = RecordId(IdOfBytes(bytes.substr(kVersionDigestBytes)));
    std::memcpy(version.content.bytes.data(), bytes.data(), kVersionDigestBytes);
    return Status::Ok();
  }));
  return found;
}

Result<std::vector<std::optional<RecordId>>> VersionIndex::FindOthers(
    const std::vector<Version>& versions) {
  WEIRHOUSE_TRY(const Open* const index, Opened());
  std::vector<std::optional<RecordId>> found(versions.size());
  if (versions.empty() || index->store->empty()) return found;
  std::vector<Hash128> keys;
  keys.reserve(versions.size());
  for (const Version& version : versions) keys.push_back(index->OtherKey(version));
  WEIRHOUSE_TRY_STATUS(index->store->Find(keys, [&](std::size_t at, std::string_view bytes) {
    if (bytes.size() != kIdBytes) return UnreadableVersion("other");
    found[at] = RecordId(IdOfBytes(bytes));
    return Status::Ok();
  }));
  return found;
}

Status VersionIndex::Apply(const iceberg::TablePtr& staged, const VersionChanges& changes) {
  if (staged == nullptr) return Write(changes, std::nullopt);
  const iceberg::Snapshot* snapshot = staged->current_snapshot();
  return Write(changes, snapshot == nullptr ? SnapshotId(0) : snapshot->id);
}

Status VersionIndex::Write(const VersionChanges& changes, std::optional<SnapshotId> snapshot) {
  WEIRHOUSE_TRY(const Open* const index, Opened());
  platform::RunBatch batch;
  // Changes too many for one batch: without its marker an incomplete index is rebuilt.
  const auto flush_if_full = [&]() -> Status {
    if (batch.size_bytes() < kBatchBytesMax) return Status();
    WEIRHOUSE_TRY_STATUS(index->store->Commit(batch, {}));
    batch = platform::RunBatch();
    return Status();
  };
  std::string state = index->store->state();
  for (const Version& version : changes.gone) {
    batch.Remove(index->BestKey(version.group));
    batch.Remove(index->OtherKey(version));
    WEIRHOUSE_TRY_STATUS(flush_if_full());
  }
  std::string bytes;
  for (const Version& version : changes.best) {
    bytes = version.content.view();
    bytes += BytesOfId(version.record.value());
    batch.Put(index->BestKey(version.group), bytes);
    WEIRHOUSE_TRY_STATUS(flush_if_full());
  }
  for (const Version& version : changes.others) {
    batch.Put(index->OtherKey(version), BytesOfId(version.record.value()));
    WEIRHOUSE_TRY_STATUS(flush_if_full());
  }
  if (snapshot) state = Marker(*snapshot, key_columns_, order_columns_);
  return index->store->Commit(batch, state);
}
}  // namespace weirhouse::transform
