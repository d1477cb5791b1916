#include "transform/version_index.h"

#include <arrow/api.h>

#include <cstring>
#include <map>
#include <utility>

#include "transform/upsert.h"

namespace weirhouse::transform {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kIdBytes = 8;

std::string BytesOfId(std::int64_t id) {
  std::string bytes(kIdBytes, '\0');
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    bytes[i] = static_cast<char>((static_cast<std::uint64_t>(id) >> (8 * i)) & 0xff);
  }
  return bytes;
}

std::int64_t IdOfBytes(std::string_view bytes) {
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    id |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return static_cast<std::int64_t>(id);
}

Status Unreadable(std::string_view what) {
  return Status(Code::kCorruption,
                "the index of versions holds an entry of the wrong size: " + std::string(what))
      .WithHint("delete the cache folder: it is rebuilt from the tables");
}

}  // namespace

std::string VersionGroup(std::string_view key, std::string_view order) {
  std::string group;
  group.reserve(4 + key.size() + order.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    group += static_cast<char>((key.size() >> shift) & 0xff);
  }
  group += key;
  group += order;
  return group;
}

VersionIndex::VersionIndex(storage::KvStore& store, std::string_view table_name,
                           std::vector<std::string> key_columns,
                           std::vector<std::string> order_columns)
    : store_(store),
      prefix_("version/" + std::string(table_name) + '\0'),
      key_columns_(std::move(key_columns)),
      order_columns_(std::move(order_columns)) {}

std::string VersionIndex::BestKey(std::string_view group) const {
  return prefix_ + 'b' + std::string(group);
}

std::string VersionIndex::OtherKey(const Version& version) const {
  return prefix_ + 'o' + version.group + std::string(version.content.view());
}

Status VersionIndex::Refresh(storage::Disk& disk, const table::TablePtr& history) {
  WEIRHOUSE_TRY(const std::optional<std::string> at, store_.Get(prefix_ + 's'));
  const table::Snapshot* snapshot = history == nullptr ? nullptr : history->current_snapshot();
  const std::string wanted = BytesOfId(snapshot == nullptr ? 0 : snapshot->id.value());
  if (at == wanted) return Status::Ok();
  return Rebuild(disk, history);
}

Status VersionIndex::Rebuild(storage::Disk& disk, const table::TablePtr& history) {
  auto batch = store_.NewBatch();
  std::string end = prefix_;
  end.back() = '\x01';  // right behind every key of this table
  batch->DeleteRange(prefix_, end);
  WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
  if (history == nullptr || history->current_snapshot() == nullptr) {
    return Write({}, SnapshotId(0));
  }
  WEIRHOUSE_TRY(const table::Scan scan, table::Scan::Plan(disk, history, {}));
  for (const auto& task : scan.tasks()) {
    WEIRHOUSE_TRY(const auto rows, scan.Read(task));
    WEIRHOUSE_TRY(const RowFacts facts, FactsOfRows(*rows, key_columns_, order_columns_));
    std::map<std::string, std::vector<Version>> groups;
    for (std::size_t i = 0; i < facts.keys.size(); ++i) {
      std::string group = VersionGroup(facts.keys[i], facts.orders[i]);
      groups[group].push_back({group, facts.contents[i], RecordId(facts.records[i])});
    }
    std::vector<std::string> names;
    for (const auto& [name, versions] : groups) names.push_back(name);
    WEIRHOUSE_TRY(const auto known, FindBest(names));
    VersionChanges changes;
    std::size_t at = 0;
    for (auto& [name, versions] : groups) {
      if (known[at]) versions.push_back(*known[at]);
      ++at;
      std::size_t best = 0;
      for (std::size_t i = 1; i < versions.size(); ++i) {
        if (versions[best].content < versions[i].content) best = i;
      }
      for (std::size_t i = 0; i < versions.size(); ++i) {
        (i == best ? changes.best : changes.others).push_back(std::move(versions[i]));
      }
    }
    WEIRHOUSE_TRY_STATUS(Write(changes, std::nullopt));
  }
  return Write({}, history->current_snapshot()->id);
}

Result<std::vector<std::optional<Version>>> VersionIndex::FindBest(
    const std::vector<std::string>& groups) {
  std::vector<std::string> keys;
  keys.reserve(groups.size());
  for (const std::string& group : groups) keys.push_back(BestKey(group));
  WEIRHOUSE_TRY(const auto values, store_.MultiGet(keys));
  std::vector<std::optional<Version>> found(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!values[i]) continue;
    if (values[i]->size() != kDigestBytes + kIdBytes) return Unreadable("best");
    Version version{groups[i], {}, RecordId(IdOfBytes(values[i]->substr(kDigestBytes)))};
    std::memcpy(version.content.bytes.data(), values[i]->data(), kDigestBytes);
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
    if (values[i]->size() != kIdBytes) return Unreadable("other");
    found[i] = RecordId(IdOfBytes(*values[i]));
  }
  return found;
}

Status VersionIndex::Apply(const table::TablePtr& staged, const VersionChanges& changes) {
  const table::Snapshot* snapshot = staged == nullptr ? nullptr : staged->current_snapshot();
  return Write(changes, snapshot == nullptr ? SnapshotId(0) : snapshot->id);
}

Status VersionIndex::Write(const VersionChanges& changes, std::optional<SnapshotId> snapshot) {
  auto batch = store_.NewBatch();
  for (const Version& version : changes.gone) {
    batch->Delete(BestKey(version.group));
    batch->Delete(OtherKey(version));
  }
  for (const Version& version : changes.best) {
    batch->Put(BestKey(version.group),
               std::string(version.content.view()) + BytesOfId(version.record.value()));
  }
  for (const Version& version : changes.others) {
    batch->Put(OtherKey(version), BytesOfId(version.record.value()));
  }
  if (snapshot) batch->Put(prefix_ + 's', BytesOfId(snapshot->value()));
  return store_.Write(*batch, false);
}
}  // namespace weirhouse::transform
