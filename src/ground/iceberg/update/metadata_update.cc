#include "ground/iceberg/update/metadata_update.h"

#include <fmt/format.h>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/update/metadata_builder.h"
#include "ground/iceberg/write/stage_state.h"

namespace weirhouse::iceberg {
namespace {

constexpr int kFormatVersionMax = 3;
constexpr int kFormatVersionOfNew = 2;

std::vector<std::string> MovedRefs(const TableMetadata* base, const TableMetadata& next) {
  static const std::map<std::string, SnapshotRef> none;
  const auto& before = base != nullptr ? base->refs : none;
  std::vector<std::string> moved;
  for (const auto& [name, ref] : next.refs) {
    const auto it = before.find(name);
    if (it == before.end() || it->second != ref) moved.push_back(name);
  }
  for (const auto& [name, ref] : before) {
    if (!next.refs.contains(name)) moved.push_back(name);
  }
  return moved;
}

// The first format version of a new table: it cannot be lowered afterwards.
int FirstVersion(std::span<const Update> updates) {
  for (const Update& update : updates) {
    const auto* upgrade = std::get_if<UpgradeFormatVersion>(&update);
    if (upgrade == nullptr || upgrade->format_version < 1) continue;
    if (upgrade->format_version <= kFormatVersionMax) {
      return static_cast<int>(upgrade->format_version);
    }
  }
  return kFormatVersionOfNew;
}
}  // namespace

MetadataBuilder::MetadataBuilder(const TableMetadata* base, const std::string& name,
                                 int format_version, ProcessTime now)
    : base_(base), now_ms_(Micros(now) / 1000), changed_(base == nullptr) {
  if (base != nullptr) {
    next_ = *base;
    now_ms_ = std::max(now_ms_, base->last_updated_ms);  // times never decrease
    for (const Snapshot& snapshot : base->snapshots) snapshot_ids_.insert(snapshot.id);
    return;
  }
  next_.name = name;
  next_.format_version = format_version;
  next_.sort_orders.clear();
}

void MetadataBuilder::Apply(const AssignUuid& update, RequestPlace& place) {
  if (LowerCase(next_.uuid) == update.uuid) return;
  if (!next_.uuid.empty()) {
    place.Refuse("uuid", fmt::format("is {}, but the table's uuid is {} and cannot be changed",
                                     update.uuid, next_.uuid));
    return;
  }
  next_.uuid = update.uuid;
  changed_ = true;
}

void MetadataBuilder::Apply(const UpgradeFormatVersion& update, RequestPlace& place) {
  const std::int64_t version = update.format_version;
  if (version > kFormatVersionMax) {
    place.Fail(
        Status(Code::kInvalidInput, fmt::format("{}: tables of format version {} are not supported",
                                                place.context, version))
            .WithError("WH7068")
            .WithHint("use format version 2"));
    return;
  }
  if (version < next_.format_version) {
    place.Refuse("format-version",
                 fmt::format("is {}, but a table of version {} cannot be downgraded", version,
                             next_.format_version));
    return;
  }
  if (version == next_.format_version) return;
  next_.format_version = static_cast<int>(version);
  changed_ = true;
}

void MetadataBuilder::Apply(const SetLocation& update, RequestPlace&) {
  std::string location = LocalPath(update.location);  // one spelling for one place
  while (location.size() > 1 && location.back() == '/') location.pop_back();
  if (location == next_.location) return;
  next_.location = std::move(location);
  changed_ = true;
}

void MetadataBuilder::Apply(const SetProperties& update, RequestPlace&) {
  for (const auto& [key, value] : update.updates) {
    const auto it = next_.properties.find(key);
    if (it != next_.properties.end() && it->second == value) continue;
    next_.properties[key] = value;
    changed_ = true;
  }
}

void MetadataBuilder::Apply(const RemoveProperties& update, RequestPlace&) {
  for (const std::string& key : update.removals) {
    changed_ = next_.properties.erase(key) > 0 || changed_;
  }
}

void MetadataBuilder::Apply(const AddEncryptionKey&, RequestPlace& place) {
  place.Fail(NotEncryptedHere(place));
}

void MetadataBuilder::Apply(const RemoveEncryptionKey&, RequestPlace& place) {
  place.Fail(NotEncryptedHere(place));
}

// A client that omits the spec and the order means "not partitioned, not sorted".
void MetadataBuilder::CompleteNewTable(RequestPlace& place) {
  if (next_.uuid.empty()) place.Refuse("", "a new table needs an assign-uuid");
  if (next_.location.empty()) place.Refuse("", "a new table needs a set-location");
  if (next_.schemas.empty()) place.Refuse("", "a new table needs an add-schema");
  if (next_.specs.empty()) next_.specs.push_back(PartitionSpec{});
  if (next_.sort_orders.empty()) next_.sort_orders.push_back(SortOrder{});
}

Result<UpdatedMetadata> MetadataBuilder::Finish() {
  RequestPlace place(kTableWords, "updates");
  UpdatedMetadata updated;
  updated.changed = changed_;
  if (changed_) {
    if (base_ == nullptr) CompleteNewTable(place);
    WEIRHOUSE_TRY_STATUS(place.status);
    CheckDefaults(place);
    WEIRHOUSE_TRY_STATUS(place.status);
    CorrectSnapshotLog();
    if (next_.format_version >= kFormatVersionMax) {
      next_.other_keys.emplace("next-row-id", "0");
    }
    ExpireSnapshots(next_);
    WriteStatistics();
    next_.last_updated_ms = now_ms_;
  }
  updated.moved_refs = MovedRefs(base_, next_);
  for (const SnapshotId id : added_) {
    if (next_.FindSnapshot(id) != nullptr) updated.added_snapshots.push_back(id);
  }
  updated.metadata = std::move(next_);
  return updated;
}

Result<UpdatedMetadata> ApplyUpdates(const TableMetadata* base, const std::string& name,
                                     std::span<const Update> updates, ProcessTime now) {
  MetadataBuilder builder(base, name, FirstVersion(updates), now);
  int ordinal = 0;
  for (const Update& update : updates) {
    RequestPlace place(kTableWords, fmt::format("update {} ({})", ++ordinal, ActionOf(update)));
    builder.Apply(update, place);
    WEIRHOUSE_TRY_STATUS(place.status);
  }
  return builder.Finish();
}
}  // namespace weirhouse::iceberg
