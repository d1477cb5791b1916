#include "rules/transform/upsert/version_index.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "ground/platform/kv/kv_damage.h"
#include "rules/transform/upsert/index_marker.h"
#include "rules/transform/upsert/loser_table.h"
#include "rules/transform/upsert/upsert.h"

namespace weirhouse::transform {
namespace {

constexpr std::size_t kVersionDigestBytes = 32;
constexpr std::size_t kBatchChangesMax = 20'000;  // about 2 MB

Status UnreadableVersion(std::string_view what) {
  return Status(Code::kCorruption,
                "the index of versions holds an entry of the wrong size: " + std::string(what))
      .WithError(platform::kDamagedStoreError)
      .WithHint("delete the cache folder: it is rebuilt from the tables");
}
// The snapshot, and which columns the groups are made of.
std::string Marker(SnapshotId snapshot, const std::vector<std::string>& key,
                   const std::vector<std::string>& order) {
  std::vector<std::string> pieces = key;
  pieces.emplace_back();  // no column has no name
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

VersionIndex::VersionIndex(platform::KvStore& store, std::string_view table_name,
                           std::vector<std::string> key_columns,
                           std::vector<std::string> order_columns, Memory memory)
    : store_(store),
      table_name_(table_name),
      prefix_("versions/" + table_name_ + '\0'),
      key_columns_(std::move(key_columns)),
      order_columns_(std::move(order_columns)),
      memory_(memory) {}

std::string VersionIndex::BestKey(const Digest& group) const {
  return prefix_ + 'b' + std::string(group.view());
}

std::string VersionIndex::OtherKey(const Version& version) const {
  return prefix_ + 'o' + std::string(version.group.view()) + std::string(version.content.view());
}

Status VersionIndex::Refresh(platform::ObjectStore& store, const iceberg::TablePtr& source) {
  WEIRHOUSE_TRY(const std::optional<std::string> at, store_.Get(prefix_ + 's'));
  const iceberg::Snapshot* snapshot = source == nullptr ? nullptr : source->current_snapshot();
  const SnapshotId wanted = snapshot == nullptr ? SnapshotId(0) : snapshot->id;
  const std::string marker = Marker(wanted, key_columns_, order_columns_);
  if (at == marker) return Status::Ok();
  const bool mine = at && at->size() == marker.size() &&
                    at->compare(kIdBytes, std::string::npos, marker, kIdBytes) == 0;
  if (!mine || snapshot == nullptr) return Rebuild(store, source);
  const auto stood = OnlyAddedSince(*source, SnapshotId(IdOfBytes(*at)));
  if (!stood) return Rebuild(store, source);
  WEIRHOUSE_TRY_STATUS(Read(store, source, stood));
  return Write({}, wanted);
}

Status VersionIndex::Rebuild(platform::ObjectStore& store, const iceberg::TablePtr& source) {
  auto batch = store_.NewBatch();
  std::string end = prefix_;
  end.back() = '\x01';  // right behind every key of this table
  batch->DeleteRange(prefix_, end);
  WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
  if (source == nullptr || source->current_snapshot() == nullptr) {
    return Write({}, SnapshotId(0));
  }
  WEIRHOUSE_TRY_STATUS(Read(store, source, std::nullopt));
  return Write({}, source->current_snapshot()->id);
}

// Reading a row again changes nothing, in whatever order: of a group the greatest content is best.
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

// Of each group the greatest is its best, be it one of `standing` or the one that is known. Of one
// content the lowest record counts: a log of losers may name another one of before it came.
Result<VersionChanges> VersionIndex::BestAndOthers(std::vector<Version> standing) {
  std::map<Digest, std::vector<Version>> groups;
  for (Version& version : standing) groups[version.group].push_back(std::move(version));
  std::vector<Digest> names;
  names.reserve(groups.size());
  for (const auto& [name, versions] : groups) names.push_back(name);
  WEIRHOUSE_TRY(const auto known, FindBest(names));
  VersionChanges changes;
  std::size_t at = 0;
  for (auto& [name, versions] : groups) {
    if (known[at]) versions.push_back(*known[at]);
    ++at;
    std::sort(versions.begin(), versions.end(), [](const Version& a, const Version& b) {
      return std::tie(a.content, a.record) < std::tie(b.content, b.record);
    });
    const auto same = [](const Version& a, const Version& b) { return a.content == b.content; };
    versions.erase(std::unique(versions.begin(), versions.end(), same), versions.end());
    changes.best.push_back(std::move(versions.back()));
    versions.pop_back();
    std::move(versions.begin(), versions.end(), std::back_inserter(changes.others));
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
  std::vector<std::string> keys;
  keys.reserve(groups.size());
  for (const Digest& group : groups) keys.push_back(BestKey(group));
  WEIRHOUSE_TRY(const auto values, store_.MultiGet(keys));
  std::vector<std::optional<Version>> found(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!values[i]) continue;
    if (values[i]->size() != kVersionDigestBytes + kIdBytes) return UnreadableVersion("best");
    Version version{groups[i], {}, RecordId(IdOfBytes(values[i]->substr(kVersionDigestBytes)))};
    std::memcpy(version.content.bytes.data(), values[i]->data(), kVersionDigestBytes);
    found[i] = std::move(version);
  }
  return found;
}

Result<std::vector<std::optional<RecordId>>> VersionIndex::FindOthers(
    const std::vector<Version>& versions) {
  std::vector<std::string> keys;
  keys.reserve(versions.size());
  for (const Version& version : versions) keys.push_back(OtherKey(version));
  WEIRHOUSE_TRY(const auto values, store_.MultiGet(keys));
  std::vector<std::optional<RecordId>> found(versions.size());
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (!values[i]) continue;
    if (values[i]->size() != kIdBytes) return UnreadableVersion("other");
    found[i] = RecordId(IdOfBytes(*values[i]));
  }
  return found;
}

Status VersionIndex::Apply(const iceberg::TablePtr& staged, const VersionChanges& changes) {
  if (staged == nullptr) return Write(changes, std::nullopt);
  const iceberg::Snapshot* snapshot = staged->current_snapshot();
  return Write(changes, snapshot == nullptr ? SnapshotId(0) : snapshot->id);
}

Status VersionIndex::Write(const VersionChanges& changes, std::optional<SnapshotId> snapshot) {
  // Many changes take several batches: without its marker an index that lacks some is rebuilt.
  const std::size_t count = changes.gone.size() + changes.best.size() + changes.others.size();
  const bool in_parts = snapshot.has_value() && count > kBatchChangesMax;
  auto batch = store_.NewBatch();
  const auto flush_if_full = [&]() -> Status {
    if (!in_parts || batch->count() < static_cast<std::int64_t>(kBatchChangesMax)) return Status();
    WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
    batch = store_.NewBatch();
    return Status();
  };
  if (in_parts) batch->Delete(prefix_ + 's');
  for (const Version& version : changes.gone) {
    batch->Delete(BestKey(version.group));
    batch->Delete(OtherKey(version));
    WEIRHOUSE_TRY_STATUS(flush_if_full());
  }
  for (const Version& version : changes.best) {
    batch->Put(BestKey(version.group),
               std::string(version.content.view()) + BytesOfId(version.record.value()));
    WEIRHOUSE_TRY_STATUS(flush_if_full());
  }
  for (const Version& version : changes.others) {
    batch->Put(OtherKey(version), BytesOfId(version.record.value()));
    WEIRHOUSE_TRY_STATUS(flush_if_full());
  }
  if (snapshot) batch->Put(prefix_ + 's', Marker(*snapshot, key_columns_, order_columns_));
  return store_.Write(*batch, false);
}
}  // namespace weirhouse::transform
