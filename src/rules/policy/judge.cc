#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "rules/policy/policy.h"
#include "rules/policy/schema_rules.h"
#include "rules/policy/step.h"

namespace weirhouse::policy {
namespace {

using iceberg::Snapshot;
using iceberg::SnapshotRef;
using iceberg::TableMetadata;

// What a staging area holds back lies in properties "weirhouse.staged.r12.<what>", which
// work/foreign/staging_area.h writes: "schema" is the staged schema id, "set.<key>" a staged
// property.
constexpr std::string_view kStagedProperties = "weirhouse.staged.";
constexpr std::string_view kStagingRefs = "staging-r";

Status Gated(const ProposedCommit& commit, std::string what) {
  const std::string gate =
      commit.rules.gate.empty() ? "a gate" : fmt::format("gate \"{}\"", commit.rules.gate);
  return Status(Code::kPermissionDenied,
                fmt::format("{} judges this table, and {}: table \"{}\"", gate, what, commit.table))
      .WithError("WH7074")
      .WithHint(fmt::format("write through a staging area and publish it: wh staging open {}",
                            commit.table));
}

Status OfAStagingArea(const ProposedCommit& commit, std::string what) {
  return Status(Code::kPermissionDenied, fmt::format("{}: table \"{}\"", what, commit.table))
      .WithError("WH7074")
      .WithHint("what a staging area stages is written, published and discarded through it alone");
}

Status NoDescent(const ProposedCommit& commit, std::string what, std::string hint) {
  return Status(Code::kPermissionDenied, fmt::format("{}: table \"{}\"", what, commit.table))
      .WithError("WH7077")
      .WithHint(std::move(hint));
}

Status Contradiction(const ProposedCommit& commit, std::string what) {
  return Status(Code::kInvalidInput, fmt::format("{}: table \"{}\"", what, commit.table))
      .WithError("WH7078")
      .WithHint("nothing was committed; load the table again and retry");
}

// The table as it will be once the staging area is published.
TableMetadata AsPublished(const TableMetadata& table, RunId run) {
  TableMetadata published = table;
  const std::string prefix = fmt::format("{}{}.", kStagedProperties, ToString(run));
  for (const auto& [key, value] : table.properties) {
    if (!key.starts_with(prefix)) continue;
    const std::string what = key.substr(prefix.size());
    if (what == "schema") {
      std::from_chars(value.data(), value.data() + value.size(), published.current_schema_id);
    } else if (what.starts_with("set.")) {
      published.properties[what.substr(4)] = value;
    }
  }
  return published;
}

class CommitJudge {
 public:
  CommitJudge(platform::ObjectStore& store, const Warehouse& warehouse,
              const ProposedCommit& commit)
      : store_(store),
        warehouse_(warehouse),
        commit_(commit),
        after_(*commit.after),
        guard_(warehouse),
        layer_(commit.rules.layer),
        powers_(PowersOver(*commit.who, commit.rules.layer)),
        // No rules except those on locations.
        free_(layer_ == Layer::kOpen && powers_.maintains) {}

  Result<Judgement> Run() {
    const Action action = commit_.before == nullptr ? Action::kCreateTable : Action::kCommit;
    WEIRHOUSE_TRY_STATUS(MayAct(*commit_.who, action, commit_.table, &commit_.rules));
    WEIRHOUSE_TRY_STATUS(CheckTable());
    WEIRHOUSE_TRY_STATUS(CheckPlaces());
    WEIRHOUSE_TRY_STATUS(CheckSnapshots());
    WEIRHOUSE_TRY_STATUS(JudgeSteps());
    WEIRHOUSE_TRY_STATUS(JudgeRefs());
    judgement_.files.assign(files_.begin(), files_.end());
    return std::move(judgement_);
  }

 private:
  const Snapshot* FindBefore(SnapshotId id) const {
    return commit_.before == nullptr ? nullptr : commit_.before->FindSnapshot(id);
  }
  const Snapshot* Find(std::optional<SnapshotId> id) const {
    if (!id) return nullptr;
    const Snapshot* found = after_.FindSnapshot(*id);
    return found != nullptr ? found : FindBefore(*id);
  }

  Status OfRaw(std::string_view what, std::string hint) const {
    return Status(Code::kPermissionDenied,
                  fmt::format("raw is append-only, and {}: table \"{}\"", what, commit_.table))
        .WithError("WH7072")
        .WithHint(std::move(hint));
  }

  // ---- Everything except rows
  Status CheckTable() {
    const TableMetadata* before = commit_.before;
    judgement_.schema_changed =
        before == nullptr || before->current_schema_id != after_.current_schema_id;
    if (before == nullptr) return CheckSchema(nullptr, after_, commit_.rules);
    if (powers_.staged) {
      WEIRHOUSE_TRY_STATUS(CheckStagedAlone(*before));
      const TableMetadata published = AsPublished(after_, *commit_.who->staging_area);
      return CheckSchema(before, published, commit_.rules);
    }
    WEIRHOUSE_TRY_STATUS(CheckStagedUntouched(*before));
    if (judgement_.schema_changed && !powers_.writes) {
      return RoleRefused(commit_, "change its schema", "writer or admin");
    }
    if (before->location != after_.location) {
      if (layer_ == Layer::kRaw) {
        return OfRaw("the commit moves the table to another location",
                     "leave the location as it is");
      }
      if (commit_.who->role != Role::kAdmin && !free_) {
        return RoleRefused(commit_, "move it to another location", "admin");
      }
    }
    return CheckSchema(before, after_, commit_.rules);
  }

  // Through a staging area nothing may change that readers see.
  Status CheckStagedAlone(const TableMetadata& before) const {
    if (before.current_schema_id != after_.current_schema_id ||
        before.default_spec_id != after_.default_spec_id ||
        before.default_sort_order_id != after_.default_sort_order_id ||
        before.location != after_.location || before.format_version != after_.format_version) {
      return OfAStagingArea(
          commit_, "schema, partitioning, order and location cannot change through a staging area");
    }
    const std::string own =
        fmt::format("{}{}.", kStagedProperties, ToString(*commit_.who->staging_area));
    for (const std::string& key : ChangedProperties(before)) {
      if (key.starts_with(own)) continue;
      return OfAStagingArea(
          commit_, fmt::format("property \"{}\" cannot change through a staging area", key));
    }
    return Status::Ok();
  }

  Status CheckStagedUntouched(const TableMetadata& before) const {
    for (const std::string& key : ChangedProperties(before)) {
      if (!key.starts_with(kStagedProperties)) continue;
      return OfAStagingArea(commit_, fmt::format("property \"{}\" belongs to a staging area", key));
    }
    return Status::Ok();
  }

  std::set<std::string> ChangedProperties(const TableMetadata& before) const {
    std::set<std::string> changed;
    for (const auto& [key, value] : after_.properties) {
      const auto it = before.properties.find(key);
      if (it == before.properties.end() || it->second != value) changed.insert(key);
    }
    for (const auto& [key, value] : before.properties) {
      if (!after_.properties.contains(key)) changed.insert(key);
    }
    return changed;
  }

  // ---- Places
  Status CheckPlaces() {
    TableMetadata published;
    const TableMetadata* next = &after_;
    if (powers_.staged) {
      published = AsPublished(after_, *commit_.who->staging_area);
      next = &published;
    }
    if (MovesLocations(commit_.before, *next)) {
      WEIRHOUSE_TRY_STATUS(CheckLocations(warehouse_, *next, commit_.other_locations));
    }
    WEIRHOUSE_TRY(places_, guard_.PlacesOf(*next));
    if (commit_.before != nullptr) {
      // Files that a client wrote before a property changed are still in the former place.
      WEIRHOUSE_TRY(const Places old, guard_.PlacesOf(*commit_.before));
      places_.insert(places_.end(), old.begin(), old.end());
    }
    WEIRHOUSE_TRY_STATUS(CheckStatistics("statistics"));
    return CheckStatistics("partition-statistics");
  }

  Status CheckStatistics(const std::string& key) {
    const auto is = after_.other_keys.find(key);
    if (is == after_.other_keys.end()) return Status::Ok();
    if (commit_.before != nullptr) {
      const auto was = commit_.before->other_keys.find(key);
      if (was != commit_.before->other_keys.end() && was->second == is->second) return Status::Ok();
    }
    const auto list = nlohmann::json::parse(is->second, nullptr, false);
    if (!list.is_array()) return Contradiction(commit_, fmt::format("\"{}\" is no list", key));
    for (const nlohmann::json& item : list) {
      const auto path = item.is_object() ? item.find("statistics-path") : item.end();
      if (!item.is_object() || path == item.end() || !path->is_string()) {
        return Contradiction(commit_, fmt::format("\"{}\" lacks a statistics-path", key));
      }
      WEIRHOUSE_TRY_STATUS(
          guard_.CheckFile("statistics file", path->get<std::string>(), -1, places_));
      files_.insert(path->get<std::string>());
    }
    return Status::Ok();
  }

  // ---- Snapshots that existed before
  Status CheckSnapshots() const {
    if (commit_.before == nullptr) return Status::Ok();
    const auto& old = commit_.before->snapshots;
    std::map<SnapshotId, std::size_t> place;
    for (std::size_t i = 0; i < old.size(); ++i) place[old[i].id] = i;
    for (const Snapshot& snapshot : after_.snapshots) {
      const Snapshot* was = FindBefore(snapshot.id);
      if (was == nullptr) continue;
      if (was->manifest_list != snapshot.manifest_list || was->parent != snapshot.parent ||
          was->sequence_number != snapshot.sequence_number) {
        return Contradiction(
            commit_, fmt::format("snapshot {} is another one than it was", snapshot.id.value()));
      }
    }
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (after_.FindSnapshot(old[i].id) != nullptr) continue;
      const auto newer = std::count_if(after_.snapshots.begin(), after_.snapshots.end(),
                                       [&](const Snapshot& snapshot) {
                                         const auto it = place.find(snapshot.id);
                                         return it == place.end() || it->second > i;
                                       });
      if (newer >= iceberg::kSnapshotsKept) continue;  // every commit expires those
      if (layer_ == Layer::kRaw) {
        return OfRaw(fmt::format("the commit removes snapshot {}", old[i].id.value()),
                     fmt::format("leave its snapshots alone: the last {} are kept",
                                 iceberg::kSnapshotsKept));
      }
      if (!powers_.maintains) {
        return RoleRefused(commit_, "expire its snapshots", "maintainer or admin");
      }
    }
    return Status::Ok();
  }

  // ---- New snapshots, one by one
  Status JudgeSteps() {
    std::vector<const Snapshot*> added;
    for (const Snapshot& snapshot : after_.snapshots) {
      if (FindBefore(snapshot.id) == nullptr) added.push_back(&snapshot);
    }
    std::stable_sort(added.begin(), added.end(), [](const Snapshot* a, const Snapshot* b) {
      return a->sequence_number < b->sequence_number;
    });
    for (const Snapshot* snapshot : added) {
      const Snapshot* parent = Find(snapshot->parent);
      if (parent == snapshot) return Contradiction(commit_, "a snapshot is its own parent");
      WEIRHOUSE_TRY(const iceberg::SnapshotChange* change, ChangeBetween(parent, *snapshot));
      WEIRHOUSE_TRY_STATUS(CheckFiles(*snapshot, *change));
      WEIRHOUSE_TRY_STATUS(JudgeStep(store_, commit_, powers_, parent, *snapshot, *change));
    }
    return Status::Ok();
  }

  Result<const iceberg::SnapshotChange*> ChangeBetween(const Snapshot* base, const Snapshot& head) {
    const std::pair key{base == nullptr ? SnapshotId(0) : base->id, head.id};
    const auto it = changes_.find(key);
    if (it != changes_.end()) return &it->second;
    WEIRHOUSE_TRY(
        iceberg::SnapshotChange change,
        iceberg::CompareSnapshots(store_, after_, base, head, OpensOnly(store_, guard_, places_)));
    return &(changes_[key] = std::move(change));
  }

  Status CheckFiles(const Snapshot& snapshot, const iceberg::SnapshotChange& change) {
    files_.insert(snapshot.manifest_list);
    files_.insert(change.new_manifests.begin(), change.new_manifests.end());
    for (const auto* added : {&change.added_data, &change.added_deletes}) {
      const std::string_view what = added == &change.added_data ? "data file" : "delete file";
      for (const iceberg::DataFile& file : *added) {
        if (!files_.insert(file.path).second) continue;
        WEIRHOUSE_TRY_STATUS(guard_.CheckFile(what, file.path, file.size_bytes, places_));
      }
    }
    return Status::Ok();
  }

  // ---- Refs
  Status JudgeRefs() {
    static const std::map<std::string, SnapshotRef> kNone;
    const auto& refs_before = commit_.before == nullptr ? kNone : commit_.before->refs;
    std::set<std::string> names;
    for (const auto& [name, ref] : refs_before) names.insert(name);
    for (const auto& [name, ref] : after_.refs) names.insert(name);
    for (const std::string& name : names) {
      const auto was = refs_before.find(name);
      const auto is = after_.refs.find(name);
      const SnapshotRef* ref_before = was == refs_before.end() ? nullptr : &was->second;
      const SnapshotRef* ref_after = is == after_.refs.end() ? nullptr : &is->second;
      if (ref_before != nullptr && ref_after != nullptr &&
          ref_before->snapshot == ref_after->snapshot && ref_before->type == ref_after->type) {
        continue;
      }
      WEIRHOUSE_TRY_STATUS(JudgeRef(name, ref_before, ref_after));
    }
    return Status::Ok();
  }

  Status JudgeRef(const std::string& name, const SnapshotRef* was, const SnapshotRef* is) {
    JudgedRef judged;
    judged.ref = name;
    if (was != nullptr) judged.before = FindBefore(was->snapshot);
    if (is != nullptr) {
      judged.after = after_.FindSnapshot(is->snapshot);
      if (judged.after == nullptr) {
        return Contradiction(commit_, fmt::format("ref \"{}\" names a snapshot that the table has "
                                                  "not",
                                                  name));
      }
    }
    judged.base = judged.before != nullptr ? judged.before : NearestKnown(judged.after);
    judged.descends = judged.before == nullptr || judged.after == nullptr ||
                      IsAncestor(*judged.before, *judged.after);
    WEIRHOUSE_TRY_STATUS(MayMove(judged, was, is));
    if (judged.after != nullptr) {
      WEIRHOUSE_TRY(const iceberg::SnapshotChange* change,
                    ChangeBetween(judged.base, *judged.after));
      judged.change = *change;
    }
    judgement_.refs.push_back(std::move(judged));
    return Status::Ok();
  }

  Status MayMove(const JudgedRef& ref, const SnapshotRef* was, const SnapshotRef* is) const {
    if (powers_.staged) {
      if (ref.ref != fmt::format("staging-{}", ToString(*commit_.who->staging_area))) {
        return OfAStagingArea(
            commit_, fmt::format("ref \"{}\" cannot move through a staging area", ref.ref));
      }
    } else if (ref.ref.starts_with(kStagingRefs)) {
      return OfAStagingArea(commit_, fmt::format("ref \"{}\" belongs to a staging area", ref.ref));
    }
    const bool is_main = ref.ref == "main";
    if (is_main && commit_.rules.gated) {
      return Gated(commit_, "main moves only when a staging area is published");
    }
    if (ref.after == nullptr) return MayRemove(ref, is_main);
    const bool tag = is->type == "tag" || (was != nullptr && was->type == "tag");
    if (tag) return MayTag(ref, was);
    if (ref.descends || free_) return Status::Ok();
    return MayRollBack(ref);
  }

  Status MayRemove(const JudgedRef& ref, bool is_main) const {
    if (free_ || (powers_.staged && layer_ != Layer::kRaw)) return Status::Ok();
    if (layer_ == Layer::kRaw) {
      return OfRaw(fmt::format("the commit removes ref \"{}\"", ref.ref),
                   "leave branches and tags of raw tables as they are");
    }
    if (is_main) {
      return NoDescent(commit_, "the commit removes ref \"main\", and with it all rows",
                       "delete the rows instead, if they must go");
    }
    if (powers_.maintains) return Status::Ok();
    return RoleRefused(commit_, fmt::format("remove ref \"{}\"", ref.ref), "maintainer or admin");
  }

  Status MayTag(const JudgedRef& ref, const SnapshotRef* was) const {
    if (free_) return Status::Ok();
    if (layer_ == Layer::kRaw && was != nullptr) {
      return OfRaw(fmt::format("the commit moves tag \"{}\"", ref.ref),
                   "make a tag under another name");
    }
    if (powers_.maintains) return Status::Ok();
    return RoleRefused(commit_, fmt::format("set tag \"{}\"", ref.ref), "maintainer or admin");
  }

  Status MayRollBack(const JudgedRef& ref) const {
    const bool back = IsAncestor(*ref.after, *ref.before);
    const std::string what = fmt::format(
        "the commit moves ref \"{}\" {}: what was committed meanwhile would be lost", ref.ref,
        back ? "back to an older snapshot"
             : "to a snapshot that does not "
               "follow from its head");
    if (layer_ == Layer::kRaw) return OfRaw(what, "append to its latest snapshot");
    if (!back) {
      return NoDescent(commit_, what, "write to the latest snapshot; replace rows by an overwrite");
    }
    if (powers_.maintains) return Status::Ok();
    return NoDescent(commit_, what,
                     "a maintainer or admin may roll back: wh table rollback, or a token of that "
                     "role");
  }

  // Whether `ancestor` is `head` or one of its ancestors.
  bool IsAncestor(const Snapshot& ancestor, const Snapshot& head) const {
    const Snapshot* at = &head;
    const std::size_t steps_max =
        after_.snapshots.size() + (commit_.before ? commit_.before->snapshots.size() : 0);
    for (std::size_t steps = 0; at != nullptr && steps <= steps_max; ++steps) {
      if (at->id == ancestor.id) return true;
      if (at->parent && *at->parent == ancestor.id) return true;  // it may have expired
      at = Find(at->parent);
    }
    return false;
  }

  // The nearest ancestor that the table had before this commit.
  const Snapshot* NearestKnown(const Snapshot* head) const {
    const std::size_t steps_max = after_.snapshots.size() + 1;
    for (std::size_t steps = 0; head != nullptr && steps <= steps_max; ++steps) {
      if (const Snapshot* known = FindBefore(head->id)) return known;
      head = Find(head->parent);
    }
    return nullptr;
  }

  platform::ObjectStore& store_;
  const Warehouse& warehouse_;
  const ProposedCommit& commit_;
  const TableMetadata& after_;
  PathGuard guard_;
  const Layer layer_;
  const Powers powers_;
  const bool free_;
  Places places_;
  std::set<std::string> files_;
  std::map<std::pair<SnapshotId, SnapshotId>, iceberg::SnapshotChange> changes_;
  Judgement judgement_;
};
}  // namespace

Result<Judgement> Judge(platform::ObjectStore& store, const Warehouse& warehouse,
                        const ProposedCommit& commit) {
  WEIRHOUSE_CHECK(commit.after != nullptr);
  if (commit.who == nullptr) {
    return Status(Code::kPermissionDenied,
                  fmt::format("the commit has no principal: table \"{}\"", commit.table))
        .WithError("WH7070")
        .WithHint("send a token: Authorization: Bearer wh_…");
  }
  return CommitJudge(store, warehouse, commit).Run();
}
}  // namespace weirhouse::policy
