// Translates between what clients of a staging area see and ask for, and the tables. Pure.
//
// Everything that an area holds back lies in the table's own metadata, so it moves with the pointer
// in one transaction and no second place can disagree. The rows lie in the staging ref. Main as it
// was when the first of them was staged, the next schema and changes of properties lie in
// properties under "weirhouse.staged.<run>.", which neither side of the area sees as such.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <type_traits>
#include <variant>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "work/foreign/staging_area.h"
#include "work/foreign/staging_state.h"
#include "work/pipeline/batch/halt.h"

namespace weirhouse::work {
namespace {
using iceberg::TableMetadata;

Status Refuse(const StagingArea& area, const TableMetadata& table, std::string what,
              std::string hint) {
  return Status(Code::kPermissionDenied,
                fmt::format("the staging area {} refuses a change: {}: table \"{}\"",
                            ToString(area.run), what, table.name))
      .WithError("WH7112")
      .WithHint(std::move(hint));
}

bool SameShape(const iceberg::Schema& a, const iceberg::Schema& b) {
  return a.fields == b.fields && a.identifier_field_ids == b.identifier_field_ids;
}

constexpr std::string_view kStagingRefs =
    "staging-r";  // prefix of the refs of staging areas and of halted batches

// Translates the updates of one request.
class UpdateMapper {
 public:
  UpdateMapper(const StagingArea& area, const TableMetadata& table)
      : area_(area), table_(table), prefix_(StagedPrefix(area.run)), schemas_(table.schemas) {}

  Result<std::vector<iceberg::Update>> Map(const std::vector<iceberg::Update>& updates) {
    for (const iceberg::Update& update : updates) {
      WEIRHOUSE_TRY_STATUS(std::visit([this](const auto& one) { return Add(one); }, update));
    }
    if (!held_.empty()) mapped_.push_back(iceberg::SetProperties{held_});
    if (!dropped_.empty()) mapped_.push_back(iceberg::RemoveProperties{dropped_});
    return std::move(mapped_);
  }

 private:
  // Updates without effect until something refers to them.
  template <typename Invisible>
  static constexpr bool kIsInvisible = std::is_same_v<Invisible, iceberg::AssignUuid> ||
                                       std::is_same_v<Invisible, iceberg::AddSpec> ||
                                       std::is_same_v<Invisible, iceberg::AddSortOrder> ||
                                       std::is_same_v<Invisible, iceberg::AddSnapshot> ||
                                       std::is_same_v<Invisible, iceberg::SetStatistics> ||
                                       std::is_same_v<Invisible, iceberg::SetPartitionStatistics> ||
                                       std::is_same_v<Invisible, iceberg::AddEncryptionKey>;

  template <typename Other>
  Status PassIfInvisible(const Other& update) {
    if constexpr (!kIsInvisible<Other>) {
      return Refuse(
          area_, table_,
          fmt::format("\"{}\" would reach all readers at once", iceberg::ActionOf(update)),
          "stage rows here; change the table itself at the normal address");
    } else {
      mapped_.push_back(update);
      return Status();
    }
  }
  template <typename Other>
  Status Add(const Other& update) {
    return PassIfInvisible(update);
  }

  // Setting the current value again is no change.
  Status Add(const iceberg::SetDefaultSpec& update) {
    return update.spec_id == table_.default_spec_id ? Status() : PassIfInvisible(update);
  }
  Status Add(const iceberg::SetDefaultSortOrder& update) {
    return update.order_id == table_.default_sort_order_id ? Status() : PassIfInvisible(update);
  }
  Status Add(const iceberg::SetLocation& update) {
    return update.location == table_.location ? Status() : PassIfInvisible(update);
  }

  Status Add(const iceberg::SetSnapshotRef& update) {
    if (update.name != "main") {
      return Refuse(area_, table_, "it sets a branch or tag", "write to main: it is staged");
    }
    mapped_.push_back(iceberg::SetSnapshotRef{StagingRefOf(area_.run), update.ref});
    if (table_.FindRef(StagingRefOf(area_.run)) == nullptr) {
      const iceberg::Snapshot* main = table_.current_snapshot();
      held_[prefix_ + kStagedBase] = main == nullptr ? "0" : std::to_string(main->id.value());
    }
    return Status();
  }

  // Notes the id that the schema will have: that of an equal schema, else the next.
  Status Add(const iceberg::AddSchema& update) {
    mapped_.push_back(update);
    int next = 0;
    for (const iceberg::Schema& known : schemas_) {
      if (SameShape(known, update.schema)) {
        last_added_ = known.schema_id;
        return Status();
      }
      next = std::max(next, known.schema_id + 1);
    }
    schemas_.push_back(update.schema);
    schemas_.back().schema_id = next;
    last_added_ = next;
    return Status();
  }

  Status Add(const iceberg::SetCurrentSchema& update) {
    int id = update.schema_id;
    if (id == iceberg::kLastAdded) {
      if (!last_added_) {
        return Status(Code::kInvalidInput,
                      "set-current-schema asks for the last schema added, and none was")
            .WithError("WH7061");
      }
      id = *last_added_;
    }
    held_[prefix_ + kStagedSchema] = std::to_string(id);
    return Status();
  }

  Status Add(const iceberg::SetProperties& update) {
    for (const auto& [key, value] : update.updates) {
      WEIRHOUSE_TRY_STATUS(Hold(kStagedSet, key, value, kStagedRemove));
    }
    return Status();
  }
  Status Add(const iceberg::RemoveProperties& update) {
    for (const std::string& key : update.removals) {
      WEIRHOUSE_TRY_STATUS(Hold(kStagedRemove, key, "", kStagedSet));
    }
    return Status();
  }
  // The last update of a key counts: `undone` holds what an earlier one said.
  Status Hold(std::string_view what, const std::string& key, std::string value,
              std::string_view undone) {
    if (key.starts_with(kStagedProperties)) {
      return Refuse(
          area_, table_,
          fmt::format("the property \"{}\" is reserved for staging areas", EscapeControl(key)),
          "choose another name");
    }
    const std::string other = prefix_ + std::string(undone) + key;
    held_[prefix_ + std::string(what) + key] = std::move(value);
    held_.erase(other);
    if (table_.properties.count(other) != 0) dropped_.push_back(other);
    std::erase(dropped_, prefix_ + std::string(what) + key);
    return Status();
  }

  const StagingArea& area_;
  const TableMetadata& table_;
  const std::string prefix_;
  std::vector<iceberg::Schema> schemas_;
  std::optional<int> last_added_;
  std::map<std::string, std::string> held_;
  std::vector<std::string> dropped_;
  std::vector<iceberg::Update> mapped_;
};

// The log as if the staged rows had been committed to main: the parents of the head, oldest first.
std::vector<std::pair<std::int64_t, SnapshotId>> LogOf(const TableMetadata& table,
                                                       const iceberg::Snapshot& head) {
  std::vector<std::pair<std::int64_t, SnapshotId>> log;
  const iceberg::Snapshot* at = &head;
  while (at != nullptr && log.size() <= table.snapshots.size()) {
    log.emplace_back(at->timestamp_ms, at->id);
    at = at->parent ? table.FindSnapshot(*at->parent) : nullptr;
  }
  std::reverse(log.begin(), log.end());
  return log;
}

// If main has a history, clients read main by it.
bool HidesStaged(const TableMetadata& table) {
  return table.current_snapshot() == nullptr &&
         std::any_of(table.refs.begin(), table.refs.end(),
                     [](const auto& ref) { return ref.first.starts_with(kStagingRefs); });
}

TableMetadata HideStaged(const TableMetadata& table) {
  TableMetadata seen = table;
  std::erase_if(seen.refs, [](const auto& ref) { return ref.first.starts_with(kStagingRefs); });
  std::set<SnapshotId> reached;
  for (const auto& [name, ref] : seen.refs) {
    const iceberg::Snapshot* at = table.FindSnapshot(ref.snapshot);
    while (at != nullptr && reached.insert(at->id).second) {
      at = at->parent ? table.FindSnapshot(*at->parent) : nullptr;
    }
  }
  std::erase_if(seen.snapshots,
                [&](const iceberg::Snapshot& snapshot) { return reached.count(snapshot.id) == 0; });
  return seen;
}
}  // namespace

std::string StagingRefOf(RunId run) { return StagingRef(run); }

std::string StagedPrefix(RunId run) {
  return fmt::format("{}{}.", kStagedProperties, ToString(run));
}

HeldChange FindHeldChange(RunId run, const TableMetadata& table) {
  HeldChange held;
  held.head = table.FindRef(StagingRefOf(run));
  const std::string prefix = StagedPrefix(run);
  for (auto at = table.properties.lower_bound(prefix);
       at != table.properties.end() && at->first.starts_with(prefix); ++at) {
    held.keys.push_back(at->first);
    const std::string_view key = std::string_view(at->first).substr(prefix.size());
    if (key == kStagedBase) {
      held.base = SnapshotId(std::strtoll(at->second.c_str(), nullptr, 10));
    } else if (key == kStagedSchema) {
      const int id = static_cast<int>(std::strtol(at->second.c_str(), nullptr, 10));
      const bool known =
          std::any_of(table.schemas.begin(), table.schemas.end(),
                      [&](const iceberg::Schema& one) { return one.schema_id == id; });
      if (known) held.schema_id = id;
    } else if (key.starts_with(kStagedSet)) {
      held.set[std::string(key.substr(kStagedSet.size()))] = at->second;
    } else if (key.starts_with(kStagedRemove)) {
      held.removed.emplace_back(key.substr(kStagedRemove.size()));
    }
  }
  return held;
}

iceberg::TablePtr WithoutStaged(const iceberg::TablePtr& table) {
  return HidesStaged(*table) ? std::make_shared<const TableMetadata>(HideStaged(*table)) : table;
}

TableMetadata ShowStagedAsMain(const StagingArea& area, const TableMetadata& table) {
  const HeldChange held = FindHeldChange(area.run, table);
  TableMetadata seen = held.head == nullptr && HidesStaged(table) ? HideStaged(table) : table;
  seen.metadata_location.clear();
  std::erase_if(seen.properties,
                [](const auto& property) { return property.first.starts_with(kStagedProperties); });
  for (const auto& [key, value] : held.set) seen.properties[key] = value;
  for (const std::string& key : held.removed) seen.properties.erase(key);
  if (held.schema_id) seen.current_schema_id = *held.schema_id;
  if (held.head != nullptr) {
    seen.refs["main"] = iceberg::SnapshotRef{held.head->id, "branch", {}, {}, {}};
    seen.refs.erase(StagingRefOf(area.run));
    seen.snapshot_log = LogOf(table, *held.head);
    seen.last_updated_ms = std::max(seen.last_updated_ms, held.head->timestamp_ms);
  }
  return seen;
}

Status MapToStaging(const StagingArea& area, const TableMetadata& table,
                    std::vector<iceberg::Requirement>& requirements,
                    std::vector<iceberg::Update>& updates) {
  const HeldChange held = FindHeldChange(area.run, table);
  std::vector<iceberg::Requirement> mapped;
  for (iceberg::Requirement requirement : requirements) {
    if (auto* ref = std::get_if<iceberg::AssertRefSnapshotId>(&requirement);
        ref != nullptr && ref->ref == "main" && held.head != nullptr) {
      ref->ref = StagingRefOf(area.run);
    }
    if (const auto* current = std::get_if<iceberg::AssertCurrentSchemaId>(&requirement);
        current != nullptr && held.schema_id) {
      // The client did not see the table's current schema. The schema it saw is checked here.
      if (current->id != *held.schema_id) {
        return Status(Code::kConflict,
                      fmt::format("current schema id changed: expected {}, found {}", current->id,
                                  *held.schema_id))
            .WithError("WH7060");
      }
      continue;
    }
    mapped.push_back(std::move(requirement));
  }
  WEIRHOUSE_TRY(updates, UpdateMapper(area, table).Map(updates));
  requirements = std::move(mapped);
  return Status();
}
}  // namespace weirhouse::work
