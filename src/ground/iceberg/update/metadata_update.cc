#include "ground/iceberg/update/metadata_update.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/update/metadata_builder.h"
#include "ground/iceberg/write/stage_state.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersionMax = 3;
constexpr int kFormatVersionOfNew = 2;

bool SameRef(const SnapshotRef& a, const SnapshotRef& b) {
  return a.snapshot == b.snapshot && a.type == b.type &&
         a.min_snapshots_to_keep == b.min_snapshots_to_keep &&
         a.max_snapshot_age_ms == b.max_snapshot_age_ms && a.max_ref_age_ms == b.max_ref_age_ms;
}

std::vector<std::string> MovedRefs(const TableMetadata* base, const TableMetadata& next) {
  static const std::map<std::string, SnapshotRef> none;
  const auto& before = base != nullptr ? base->refs : none;
  std::vector<std::string> moved;
  for (const auto& [name, ref] : next.refs) {
    const auto it = before.find(name);
    if (it == before.end() || !SameRef(it->second, ref)) moved.push_back(name);
  }
  for (const auto& [name, ref] : before) {
    if (!next.refs.contains(name)) moved.push_back(name);
  }
  return moved;
}

// The version with which a new table begins: an older one could not be gone down to.
int FirstVersion(const Json& updates) {
  for (const Json& update : updates) {
    if (!update.is_object() || !update.contains("action") || !update["action"].is_string()) {
      continue;
    }
    if (LowerCase(update["action"].get<std::string>()) != "upgrade-format-version") continue;
    const auto version = update.find("format-version");
    if (version == update.end() || !version->is_number_integer()) continue;
    const auto number = version->get<std::int64_t>();
    if (number >= 1 && number <= kFormatVersionMax) return static_cast<int>(number);
  }
  return kFormatVersionOfNew;
}

Status NotAList(std::string_view what, const Json& json) {
  JsonPlace place{std::string(what)};
  if (json.size() > static_cast<std::size_t>(kRequestItemsMax)) {
    place.Refuse("", fmt::format("there are more than {}", kRequestItemsMax));
  } else {
    place.Refuse("", "must be an array");
  }
  return place.status;
}
}  // namespace

MetadataBuilder::MetadataBuilder(const TableMetadata* base, const std::string& name,
                                 int format_version, ProcessTime now)
    : base_(base), now_ms_(Micros(now) / 1000), changed_(base == nullptr) {
  if (base != nullptr) {
    next_ = *base;
    now_ms_ = std::max(now_ms_, base->last_updated_ms);  // times never go back
    for (const Snapshot& snapshot : base->snapshots) snapshot_ids_.insert(snapshot.id);
    return;
  }
  next_.name = name;
  next_.format_version = format_version;
  next_.sort_orders.clear();
}

const std::map<std::string_view, MetadataBuilder::Handler>& MetadataBuilder::Handlers() {
  using Self = MetadataBuilder;
  static const std::map<std::string_view, Handler> handlers = {
      {"assign-uuid", &Self::AssignUuid},
      {"upgrade-format-version", &Self::UpgradeFormatVersion},
      {"add-schema", &Self::AddSchema},
      {"set-current-schema", &Self::SetCurrentSchema},
      {"add-spec", &Self::AddSpec},
      {"set-default-spec", &Self::SetDefaultSpec},
      {"add-sort-order", &Self::AddSortOrder},
      {"set-default-sort-order", &Self::SetDefaultSortOrder},
      {"add-snapshot", &Self::AddSnapshot},
      {"set-snapshot-ref", &Self::SetSnapshotRef},
      {"remove-snapshots", &Self::RemoveSnapshots},
      {"remove-snapshot-ref", &Self::RemoveSnapshotRef},
      {"set-location", &Self::SetLocation},
      {"set-properties", &Self::SetProperties},
      {"remove-properties", &Self::RemoveProperties},
      {"set-statistics", &Self::SetStatistics},
      {"remove-statistics", &Self::RemoveStatistics},
      {"set-partition-statistics", &Self::SetPartitionStatistics},
      {"remove-partition-statistics", &Self::RemovePartitionStatistics},
      {"remove-partition-specs", &Self::RemoveSpecs},
      {"remove-schemas", &Self::RemoveSchemas},
      {"add-encryption-key", &Self::RefuseEncryptionKey},
      {"remove-encryption-key", &Self::RefuseEncryptionKey},
  };
  return handlers;
}

bool MetadataBuilder::IsKnown(std::string_view action) { return Handlers().contains(action); }

void MetadataBuilder::Apply(const std::string& action, JsonFields& update) {
  (this->*Handlers().at(action))(update);
}

void MetadataBuilder::AssignUuid(JsonFields& update) {
  const std::string uuid = LowerCase(update.Text("uuid"));
  constexpr std::size_t kUuidLength = 36;
  if (uuid.size() != kUuidLength ||
      uuid.find_first_not_of("0123456789abcdef-") != std::string::npos) {
    update.place().Refuse(update.Path("uuid"), "must be a UUID of 36 characters");
    return;
  }
  if (LowerCase(next_.uuid) == uuid) return;
  if (!next_.uuid.empty()) {
    update.place().Refuse(update.Path("uuid"), fmt::format("is {}, but the table has uuid {} and "
                                                           "keeps it",
                                                           uuid, next_.uuid));
    return;
  }
  next_.uuid = uuid;
  changed_ = true;
}

void MetadataBuilder::UpgradeFormatVersion(JsonFields& update) {
  const std::int64_t version = update.Long("format-version", 1);
  if (!update.place().ok()) return;
  if (version > kFormatVersionMax) {
    update.place().Fail(
        Status(Code::kInvalidInput, fmt::format("{}: tables of format version {} are not supported",
                                                update.place().context, version))
            .WithError("WH7068")
            .WithHint("use format version 2"));
    return;
  }
  if (version < next_.format_version) {
    update.place().Refuse(update.Path("format-version"),
                          fmt::format("is {}, but a table of version {} cannot go back", version,
                                      next_.format_version));
    return;
  }
  if (version == next_.format_version) return;
  next_.format_version = static_cast<int>(version);
  changed_ = true;
}

void MetadataBuilder::SetLocation(JsonFields& update) {
  std::string location = LocalPath(update.Text("location"));  // one spelling for one place
  while (location.size() > 1 && location.back() == '/') location.pop_back();
  if (location == next_.location) return;
  next_.location = std::move(location);
  changed_ = true;
}

void MetadataBuilder::SetProperties(JsonFields& update) {
  // Older clients say "updated".
  const bool old_name = !update.Has("updates") && update.Has("updated");
  for (auto& [key, value] : update.TextMap(old_name ? "updated" : "updates")) {
    const auto it = next_.properties.find(key);
    if (it != next_.properties.end() && it->second == value) continue;
    next_.properties[key] = value;
    changed_ = true;
  }
}

void MetadataBuilder::RemoveProperties(JsonFields& update) {
  const bool old_name = !update.Has("removals") && update.Has("removed");
  for (const std::string& key : update.Texts(old_name ? "removed" : "removals")) {
    changed_ = next_.properties.erase(key) > 0 || changed_;
  }
}

void MetadataBuilder::RefuseEncryptionKey(JsonFields& update) {
  update.place().Fail(Status(Code::kInvalidInput, fmt::format("{}: tables are not encrypted here",
                                                              update.place().context))
                          .WithError("WH7068")
                          .WithHint("encrypt the disk that holds the warehouse"));
}

// A client that leaves out the plain ones means "not partitioned, not sorted".
void MetadataBuilder::CompleteNewTable(JsonPlace& place) {
  if (next_.uuid.empty()) place.Refuse("", "a new table needs an assign-uuid");
  if (next_.location.empty()) place.Refuse("", "a new table needs a set-location");
  if (next_.schemas.empty()) place.Refuse("", "a new table needs an add-schema");
  if (next_.specs.empty()) next_.specs.push_back(PartitionSpec{});
  if (next_.sort_orders.empty()) next_.sort_orders.push_back(SortOrder{});
}

Result<UpdatedMetadata> MetadataBuilder::Finish() {
  JsonPlace place{"updates"};
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
                                     const Json& updates, ProcessTime now) {
  try {
    if (!updates.is_array() || updates.size() > static_cast<std::size_t>(kRequestItemsMax)) {
      return NotAList("updates", updates);
    }
    MetadataBuilder builder(base, name, FirstVersion(updates), now);
    int ordinal = 0;
    for (const Json& update : updates) {
      JsonPlace place{fmt::format("update {}", ++ordinal)};
      if (IsTooDeep(update)) {
        place.Refuse("", fmt::format("is nested deeper than {} levels", kRequestDepthMax));
        return place.status;
      }
      JsonFields fields(place, update, "");
      const std::string action = LowerCase(fields.Text("action"));
      if (place.ok() && !MetadataBuilder::IsKnown(action)) {
        place.Refuse("action", fmt::format("is no update of a table: \"{}\"", action));
      }
      WEIRHOUSE_TRY_STATUS(place.status);
      place.context = fmt::format("update {} ({})", ordinal, action);
      builder.Apply(action, fields);
      WEIRHOUSE_TRY_STATUS(place.status);
    }
    return builder.Finish();
  } catch (const Json::exception& error) {
    return Status(Code::kInternal, fmt::format("an update could not be read: {}", error.what()));
  }
}
}  // namespace weirhouse::iceberg
