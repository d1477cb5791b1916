#include <arrow/api.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/feature/online/kv_backend.h"
#include "rules/feature/online/online_layout.h"
#include "rules/feature/online/online_store.h"

namespace weirhouse::feature {
namespace {
// The rows of one table key in a batch, and what the store knows about it.
struct KeyGroup {
  std::string row_key;
  std::vector<std::size_t> rows;
  bool removed = false;
};

std::vector<KeyGroup> GroupByKey(const UnsortedRows& read, const OnlineChange& change) {
  std::vector<KeyGroup> groups;
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t row = 0; row < read.rows.size(); ++row) {
    const std::string_view key = read.rows.row_key[row];
    const auto [place, fresh] = places.try_emplace(key, groups.size());
    if (fresh) groups.push_back({std::string(key), {}, false});
    groups[place->second].rows.push_back(row);
  }
  for (const std::string& key : change.removed_row_keys) {
    const auto [place, fresh] = places.try_emplace(key, groups.size());
    if (fresh) groups.push_back({key, {}, false});
    groups[place->second].removed = true;
  }
  return groups;
}

// The known time of the version after `index`; `versions` ascend.
std::int64_t HiddenAt(const std::vector<StoredVersion>& versions, std::size_t index) {
  return index + 1 < versions.size() ? versions[index + 1].known_time : kNever;
}

// The index of `version` among ascending versions. A key may have very many.
std::optional<std::size_t> FindVersion(const std::vector<StoredVersion>& versions,
                                       const StoredVersion& version) {
  const auto [begin, end] = std::equal_range(versions.begin(), versions.end(), version);
  const auto found = std::find(begin, end, version);
  if (found == end) return std::nullopt;
  return static_cast<std::size_t>(found - versions.begin());
}

// Applies one view's change to a batch of writes.
class Writer {
 public:
  Writer(OnlineBackend& backend, const ViewPlan& plan, ViewPlace place,
         std::optional<std::int64_t> evicted_before, std::int64_t now, OnlineWrites& writes,
         ApplyReport& report)
      : backend_(backend),
        plan_(plan),
        place_(std::move(place)),
        evicted_before_(evicted_before),
        now_(now),
        writes_(writes),
        report_(report) {}

  Status Apply(const OnlineChange& change) {
    if (change.rows != nullptr && change.rows->num_rows() > 0) {
      WEIRHOUSE_TRY(read_, ReadUnsorted(plan_, *change.rows));
    }
    const std::vector<KeyGroup> groups = GroupByKey(read_, change);
    std::vector<std::string_view> keys;
    keys.reserve(groups.size());
    for (const KeyGroup& group : groups) keys.push_back(group.row_key);
    WEIRHOUSE_TRY(const auto lists, backend_.Versions(place_, keys));
    for (std::size_t i = 0; i < groups.size(); ++i) {
      std::vector<StoredVersion> known;
      if (lists[i]) {
        WEIRHOUSE_TRY(known, DecodeVersions(*lists[i]));
      }
      if (plan_.view.source_keeps_history()) {
        WEIRHOUSE_TRY_STATUS(AddVersions(groups[i], std::move(known)));
      } else {
        Replace(groups[i], known);
      }
    }
    return Status();
  }

 private:
  StoredVersion VersionOf(std::size_t row) const {
    return {read_.entities[row].value_or(""), read_.rows.event_time[row],
            read_.rows.known_time[row], read_.rows.digest[row]};
  }

  // A version under a NULL entity is listed, because it hides others, but has no row.
  void PutRow(const StoredVersion& version, const KeyGroup& group, std::size_t row,
              std::int64_t hidden_at) {
    ++report_.rows;
    if (version.event_time > now_) ++report_.due_later;
    if (version.entity.empty()) return;
    writes_.PutRow(place_, version.KeyFor(group.row_key), EncodeRow(read_.rows, row, hidden_at));
  }

  // A visible `version` is no longer visible. If rows of its entity that are as old were left out,
  // one of them is visible now, and is not stored.
  void NoteGone(const StoredVersion& version) {
    if (!evicted_before_ || version.event_time >= *evicted_before_ || version.entity.empty())
      return;
    writes_.PutGap(place_, version.entity);
  }

  void Replace(const KeyGroup& group, const std::vector<StoredVersion>& known) {
    std::optional<std::size_t> newest;
    for (const std::size_t row : group.rows) {
      if (!newest || VersionOf(*newest) < VersionOf(row)) newest = row;
    }
    if (newest && known.size() == 1 && known.front() == VersionOf(*newest)) {
      ++report_.duplicates;
      return;
    }
    for (const StoredVersion& version : known) {
      writes_.DeleteRow(place_, version.KeyFor(group.row_key));
      NoteGone(version);
    }
    if (!newest) {
      writes_.DeleteVersions(place_, group.row_key);
      return;
    }
    const StoredVersion version = VersionOf(*newest);
    PutRow(version, group, *newest, kNever);
    writes_.PutVersions(place_, group.row_key, EncodeVersions({version}));
  }

  // Versions that the store does not know yet, with the first row of each.
  std::vector<std::pair<StoredVersion, std::size_t>> FreshOf(
      const KeyGroup& group, const std::vector<StoredVersion>& known) {
    std::vector<std::pair<StoredVersion, std::size_t>> fresh;
    for (const std::size_t row : group.rows) {
      StoredVersion version = VersionOf(row);
      if (!FindVersion(known, version)) fresh.emplace_back(std::move(version), row);
    }
    std::stable_sort(fresh.begin(), fresh.end(), [](const auto& a, const auto& b) {
      return std::tie(a.first, a.first.entity) < std::tie(b.first, b.first.entity);
    });
    const auto repeats =
        std::ranges::unique(fresh, {}, [](const auto& one) -> const auto& { return one.first; });
    fresh.erase(repeats.begin(), repeats.end());
    report_.duplicates += static_cast<std::int64_t>(group.rows.size() - fresh.size());
    return fresh;
  }

  Status AddVersions(const KeyGroup& group, std::vector<StoredVersion> known) {
    std::sort(known.begin(), known.end());
    std::vector<std::pair<StoredVersion, std::size_t>> fresh = FreshOf(group, known);
    if (fresh.empty()) return Status();
    std::vector<StoredVersion> all = known;
    for (const auto& [version, row] : fresh) all.push_back(version);
    std::sort(all.begin(), all.end());
    const auto place_of = [&](const StoredVersion& version) { return *FindVersion(all, version); };
    for (const auto& [version, row] : fresh) {
      const std::size_t place = place_of(version);
      if (place + 1 < all.size()) ++report_.stale;
      PutRow(version, group, row, HiddenAt(all, place));
    }
    // A stored version that is now hidden earlier is rewritten with the new time.
    for (std::size_t i = 0; i < known.size(); ++i) {
      const std::int64_t hidden_at = HiddenAt(all, place_of(known[i]));
      if (hidden_at == HiddenAt(known, i) || known[i].entity.empty()) continue;
      const OnlineRowKey key = known[i].KeyFor(group.row_key);
      WEIRHOUSE_TRY(std::optional<std::string> value, backend_.Row(place_, key));
      if (!value) continue;  // evicted
      WEIRHOUSE_TRY_STATUS(HiddenAtOf(*value).status());
      NoteGone(known[i]);
      SetHiddenAt(hidden_at, &*value);
      writes_.PutRow(place_, key, *value);
    }
    writes_.PutVersions(place_, group.row_key, EncodeVersions(all));
    return Status();
  }

  OnlineBackend& backend_;
  const ViewPlan& plan_;
  const ViewPlace place_;
  const std::optional<std::int64_t> evicted_before_;
  const std::int64_t now_;
  OnlineWrites& writes_;
  ApplyReport& report_;
  UnsortedRows read_;
};

// ---- Changes of many rows
// Drops keys that leave and have no row in `rows`.
Status DropKeysOf(const ViewPlan& plan, const arrow::Table& rows,
                  std::unordered_set<std::string>& keys) {
  if (keys.empty()) return Status();
  WEIRHOUSE_TRY(const UnsortedRows read, ReadUnsorted(plan, rows));
  for (std::size_t row = 0; row < read.rows.size(); ++row)
    keys.erase(std::string(read.rows.row_key[row]));
  return Status();
}
}  // namespace

OnlineStore::OnlineStore(std::unique_ptr<OnlineBackend> backend) : backend_(std::move(backend)) {}
OnlineStore::~OnlineStore() = default;

Result<std::unique_ptr<OnlineStore>> OnlineStore::Open(platform::KvStore& store) {
  return Open(MakeKvBackend(store));
}

Result<std::unique_ptr<OnlineStore>> OnlineStore::Open(std::unique_ptr<OnlineBackend> backend) {
  std::unique_ptr<OnlineStore> online(new OnlineStore(std::move(backend)));
  WEIRHOUSE_TRY(const auto markers, online->backend_->Markers());
  for (const auto& [view_id, bytes] : markers) {
    const Result<OnlineMarker> marker = DecodeMarker(bytes);
    if (!marker.ok()) return UnreadableRow("marker");
    online->markers_[view_id] = *marker;
  }
  return online;
}

// All generations of a view.
Status OnlineStore::DropView(const std::string& view_id) {
  const std::unique_ptr<OnlineWrites> writes = backend_->NewWrites();
  writes->DropView(view_id);
  return backend_->Write(*writes, false);
}

OnlineMarker OnlineStore::MarkerOf(const std::string& view_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = markers_.find(view_id);
  return found == markers_.end() ? OnlineMarker() : found->second;
}

bool OnlineStore::Trusts(const std::string& view_id) const {
  const std::lock_guard lock(mutex_);
  return !distrusted_.contains(view_id);
}

void OnlineStore::Distrust(const ViewPlan& plan) {
  const std::lock_guard lock(mutex_);
  distrusted_.insert(plan.view.id());
}

CommitSeq OnlineStore::AppliedSeq(const ViewPlan& plan) const {
  const std::string view_id = plan.view.id();
  return Trusts(view_id) ? CommitSeq(MarkerOf(view_id).applied) : CommitSeq();
}

std::optional<SnapshotId> OnlineStore::SnapshotOf(const ViewPlan& plan) const {
  const OnlineMarker marker = MarkerOf(plan.view.id());
  if (marker.snapshot == 0) return std::nullopt;
  return SnapshotId(marker.snapshot);
}

// Many rows are written beside the served ones, a part at a time, so that no one sees only some of
// them; `place` becomes their place.
Status OnlineStore::ApplyMany(const OnlineChange& change,
                              std::optional<std::int64_t> evicted_before, std::int64_t now,
                              ViewPlace& place, ApplyReport& report) {
  const ViewPlace next{place.view_id, place.generation + 1};
  WEIRHOUSE_TRY_STATUS(backend_->Copy(place, next));
  place = next;
  std::unordered_set<std::string> removed(change.removed_row_keys.begin(),
                                          change.removed_row_keys.end());
  for (std::int64_t begin = 0; begin <= change.rows->num_rows(); begin += rows_at_once_) {
    OnlineChange part{change.plan, nullptr, {}};
    if (begin < change.rows->num_rows()) {
      part.rows = change.rows->Slice(begin, rows_at_once_);
      WEIRHOUSE_TRY_STATUS(DropKeysOf(*change.plan, *part.rows, removed));
    }
    if (begin + rows_at_once_ > change.rows->num_rows())
      part.removed_row_keys.assign(removed.begin(), removed.end());
    const std::unique_ptr<OnlineWrites> writes = backend_->NewWrites();
    WEIRHOUSE_TRY_STATUS(
        Writer(*backend_, *change.plan, place, evicted_before, now, *writes, report).Apply(part));
    WEIRHOUSE_TRY_STATUS(backend_->Write(*writes, false));
    platform::LetGoOfStoredRows();
  }
  WEIRHOUSE_FAILPOINT("feature.online.many_written");
  return Status();
}

Result<ApplyReport> OnlineStore::Apply(std::span<const OnlineChange> changes, CommitSeq applied,
                                       std::int64_t now, bool sync) {
  ApplyReport report;
  const std::unique_ptr<OnlineWrites> writes = backend_->NewWrites();
  std::map<std::string, OnlineMarker> moved;
  for (const OnlineChange& change : changes) {
    const std::string view_id = change.plan->view.id();
    if (!change.anew && !Trusts(view_id)) continue;
    OnlineMarker marker = MarkerOf(view_id);
    if (change.anew) {
      WEIRHOUSE_CHECK(change.rows == nullptr);
      writes->DropGeneration({view_id, marker.generation});
      marker = {0, change.anew->evicted_before, change.anew->number, 0};
    } else if (marker.generation == 0) {
      WEIRHOUSE_TRY_STATUS(DropView(view_id));  // removes what an interrupted rebuild left
      marker.generation = 1;
    }
    ViewPlace place{view_id, marker.generation};
    if (change.rows != nullptr && change.rows->num_rows() > rows_at_once_) {
      writes->DropGeneration(place);
      WEIRHOUSE_TRY_STATUS(ApplyMany(change, marker.evicted_before, now, place, report));
      marker.generation = place.generation;
    } else {
      WEIRHOUSE_TRY_STATUS(
          Writer(*backend_, *change.plan, place, marker.evicted_before, now, *writes, report)
              .Apply(change));
    }
    marker.applied = std::max(marker.applied, applied.value());
    if (change.snapshot) marker.snapshot = change.snapshot->value();
    writes->PutMarker(view_id, EncodeMarker(marker));
    // Each view once: a second change would not see the first, which is not written yet.
    WEIRHOUSE_CHECK(moved.emplace(view_id, marker).second);
  }
  WEIRHOUSE_FAILPOINT("feature.online.before_write");
  WEIRHOUSE_TRY_STATUS(backend_->Write(*writes, sync));
  const std::lock_guard lock(mutex_);
  for (const auto& [view_id, marker] : moved) {
    markers_[view_id] = marker;
    distrusted_.erase(view_id);
  }
  return report;
}

Status OnlineStore::Reset(const ViewPlan& plan) {
  const std::string view_id = plan.view.id();
  const std::unique_ptr<OnlineWrites> writes = backend_->NewWrites();
  writes->DeleteMarker(view_id);
  WEIRHOUSE_TRY_STATUS(backend_->Write(*writes, false));
  {
    const std::lock_guard lock(mutex_);
    markers_.erase(view_id);
  }
  return DropView(view_id);
}
}  // namespace weirhouse::feature
