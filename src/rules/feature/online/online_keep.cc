#include <arrow/api.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <unordered_map>

#include "ground/base/failpoint.h"
#include "rules/feature/online/online_layout.h"
#include "rules/feature/online/online_store.h"

namespace weirhouse::feature {
namespace {
// Rows with an older event time cannot be seen by any question that is still answered. Absent: the
// view looks back without limit.
std::optional<std::int64_t> KeptFrom(const ViewPlan& plan, std::int64_t now,
                                     std::int64_t lateness_us) {
  const std::optional<std::int64_t> back = plan.look_back_us();
  std::int64_t from = 0;
  if (!back || __builtin_sub_overflow(now, *back, &from) ||
      __builtin_sub_overflow(from, lateness_us, &from)) {
    return std::nullopt;
  }
  return from;
}

// Decides which rows of a view are kept when rows with an event time before `from` may go. A
// question that is still answered asks at (t, k = t) with t after `from`. So of the older rows it
// can see, or needs to tell the entity from an unknown one:
//   - rows that became known, or were hidden, since then: they were visible, or not, at some t
//   - of the rows visible all the time, each entity's newest: it decides `expired` and `null`
//   - of the deletes visible all the time, each entity's newest, and the row that it hid: with them
//     an entity is `not_found` although it has rows that are not known yet
class Keeper {
 public:
  Keeper(const ViewPlan& plan, const UnsortedRows& read, std::optional<std::int64_t> from)
      : rows_(read.rows), entities_(read.entities), from_(from) {
    by_known_ = !plan.view.as_of_latest;
  }

  std::vector<std::size_t> Kept() {
    std::unordered_map<std::string_view, std::size_t> newest_row;
    std::unordered_map<std::string_view, std::size_t> newest_delete;
    std::vector<std::size_t> kept;
    std::vector<std::size_t> deletes;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!entities_[i]) continue;
      const bool deleted = rows_.deleted[i] != 0;
      if (IsRecent(i)) {
        kept.push_back(i);
        if (deleted) deletes.push_back(i);
      } else if (rows_.hidden_at[i] == kNever) {
        auto& newest = deleted ? newest_delete : newest_row;
        const auto [place, fresh] = newest.try_emplace(*entities_[i], i);
        if (!fresh && Order(place->second) < Order(i)) place->second = i;
      }
    }
    for (const auto& [entity, row] : newest_row) kept.push_back(row);
    for (const auto& [entity, row] : newest_delete) deletes.push_back(row);
    for (const auto& [entity, row] : newest_delete) kept.push_back(row);
    KeepWhatTheyHid(deletes, kept);
    return kept;
  }

 private:
  bool IsRecent(std::size_t i) const {
    if (!from_) return true;
    const bool deleted = rows_.deleted[i] != 0;
    if ((deleted ? rows_.known_time[i] : rows_.event_time[i]) >= *from_) return true;
    if (!by_known_) return false;
    return rows_.known_time[i] >= *from_ ||
           (rows_.hidden_at[i] != kNever && rows_.hidden_at[i] >= *from_);
  }
  std::tuple<std::int64_t, std::int64_t, std::string_view, std::string_view> Order(
      std::size_t i) const {
    return {rows_.event_time[i], rows_.known_time[i], rows_.row_key[i], rows_.digest[i].view()};
  }
  // Keeps one older row of the same key and entity for each delete, if there is one.
  void KeepWhatTheyHid(const std::vector<std::size_t>& deletes, std::vector<std::size_t>& kept) {
    if (deletes.empty()) return;
    std::unordered_map<std::string_view, std::size_t> delete_of;
    for (const std::size_t one : deletes) delete_of.emplace(rows_.row_key[one], one);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!entities_[i] || rows_.deleted[i] != 0) continue;
      const auto found = delete_of.find(rows_.row_key[i]);
      if (found == delete_of.end() || *entities_[found->second] != *entities_[i]) continue;
      if (rows_.known_time[i] > rows_.known_time[found->second]) continue;
      kept.push_back(i);
      delete_of.erase(found);
    }
  }

  const FeatureRows& rows_;
  const std::vector<std::optional<std::string>>& entities_;
  std::optional<std::int64_t> from_;
  bool by_known_ = true;
};

// Writes in parts of bounded size: only what no one reads yet, or what is marked as gone.
class PartWriter {
 public:
  explicit PartWriter(OnlineBackend& backend) : backend_(backend), writes_(backend.NewWrites()) {}
  OnlineWrites& writes() { return *writes_; }
  Status FlushIfFull() { return writes_->count() < kWritesAtOnce ? Status() : Flush(); }
  Status Flush() {
    WEIRHOUSE_TRY_STATUS(backend_.Write(*writes_, false));
    writes_ = backend_.NewWrites();
    return Status();
  }

 private:
  static constexpr std::int64_t kWritesAtOnce = 16'384;
  OnlineBackend& backend_;
  std::unique_ptr<OnlineWrites> writes_;
};

// Keys of rows that stay, each identified by a number. If two share a number, the second stays with
// the first.
class KeptKeys {
 public:
  void Add(std::string_view row_key) { numbers_.push_back(NumberOf(row_key)); }
  void Sort() { std::sort(numbers_.begin(), numbers_.end()); }
  bool Holds(std::string_view row_key) const {  // once they are sorted
    return std::binary_search(numbers_.begin(), numbers_.end(), NumberOf(row_key));
  }

 private:
  static std::size_t NumberOf(std::string_view row_key) {
    return std::hash<std::string_view>()(row_key);
  }
  std::vector<std::size_t> numbers_;
};

// Drops the version lists of keys that have no row any more and whose versions all became known
// before `from`: they cannot hide anything that may still arrive.
Status DropLists(OnlineBackend& backend, const ViewPlace& place, const KeptKeys& kept_keys,
                 std::int64_t from, PartWriter& eraser) {
  Status problem;
  const auto visit = [&](std::string_view row_key, std::string_view value) {
    if (kept_keys.Holds(row_key)) return true;
    const auto versions = DecodeVersions(value);
    if (!versions.ok()) {
      problem = versions.status();
      return false;
    }
    const bool recent = std::any_of(versions->begin(), versions->end(), [&](const auto& version) {
      return version.known_time >= from;
    });
    if (!recent) eraser.writes().DeleteVersions(place, row_key);
    problem = eraser.FlushIfFull();
    return problem.ok();
  };
  WEIRHOUSE_TRY_STATUS(backend.EachVersions(place, visit));
  return problem;
}
}  // namespace

namespace {
StoredVersion VersionOf(const UnsortedRows& read, std::size_t row) {
  return {read.entities[row].value_or(""), read.rows.event_time[row], read.rows.known_time[row],
          read.rows.digest[row]};
}

using VersionLists = std::unordered_map<std::string_view, std::vector<StoredVersion>>;

// Writes the rows `kept`, and adds their keys to `lists`.
Status WriteRows(const UnsortedRows& read, const std::vector<std::size_t>& kept,
                 const ViewPlace& place, std::int64_t now, PartWriter& writer, VersionLists& lists,
                 ApplyReport& report) {
  // Byte-equal repeats have one key; the one that is visible longest is written.
  std::unordered_map<std::string, std::size_t> puts;
  for (const std::size_t row : kept) {
    const std::string_view row_key = read.rows.row_key[row];
    lists.try_emplace(row_key);
    const auto [found, fresh] =
        puts.try_emplace(RowKeyOf(place, VersionOf(read, row).KeyFor(row_key)), row);
    if (fresh) continue;
    ++report.duplicates;
    if (read.rows.hidden_at[row] > read.rows.hidden_at[found->second]) found->second = row;
  }
  for (const auto& [key, row] : puts) {
    writer.writes().PutRow(place, VersionOf(read, row).KeyFor(read.rows.row_key[row]),
                           EncodeRow(read.rows, row, read.rows.hidden_at[row]));
    WEIRHOUSE_TRY_STATUS(writer.FlushIfFull());
    ++report.rows;
    if (read.rows.event_time[row] > now) ++report.due_later;
  }
  return Status();
}

// A list names all versions of its key, also those that are not kept, because they hide others.
// Rows that arrive within the lateness can only be hidden by versions that became known after
// `from`.
Status WriteLists(const UnsortedRows& read, std::optional<std::int64_t> from,
                  const ViewPlace& place, PartWriter& writer, VersionLists& lists) {
  for (std::size_t row = 0; row < read.rows.size(); ++row) {
    if (!from || read.rows.known_time[row] >= *from) lists.try_emplace(read.rows.row_key[row]);
  }
  for (std::size_t row = 0; row < read.rows.size(); ++row) {
    const auto list = lists.find(read.rows.row_key[row]);
    if (list == lists.end()) continue;
    list->second.push_back(VersionOf(read, row));
  }
  for (auto& [row_key, versions] : lists) {
    std::sort(versions.begin(), versions.end(), [](const auto& a, const auto& b) {
      return std::tie(a, a.entity) < std::tie(b, b.entity);
    });
    versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
    writer.writes().PutVersions(place, row_key, EncodeVersions(versions));
    WEIRHOUSE_TRY_STATUS(writer.FlushIfFull());
  }
  return Status();
}
}  // namespace

Result<OnlineGeneration> OnlineStore::Prepare(const ViewPlan& plan,
                                              const std::shared_ptr<arrow::Table>& rows,
                                              std::int64_t now, std::int64_t lateness_us,
                                              ApplyReport* report) {
  WEIRHOUSE_TRY(const UnsortedRows read, ReadUnsorted(plan, *rows));
  const std::string view_id = plan.view.id();
  const std::optional<std::int64_t> from = KeptFrom(plan, now, lateness_us);
  const ViewPlace place{view_id, MarkerOf(view_id).generation + 1};
  PartWriter writer(*backend_);
  writer.writes().DropGeneration(place);  // removes what an interrupted one left
  WEIRHOUSE_TRY_STATUS(writer.Flush());
  std::vector<std::size_t> kept = Keeper(plan, read, from).Kept();
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  VersionLists lists;
  WEIRHOUSE_TRY_STATUS(WriteRows(read, kept, place, now, writer, lists, *report));
  WEIRHOUSE_TRY_STATUS(WriteLists(read, from, place, writer, lists));
  WEIRHOUSE_TRY_STATUS(writer.Flush());
  WEIRHOUSE_FAILPOINT("feature.online.prepared");
  OnlineGeneration made;
  made.number = place.generation;
  const auto told = std::count_if(read.entities.begin(), read.entities.end(),
                                  [](const auto& entity) { return entity.has_value(); });
  if (kept.size() < static_cast<std::size_t>(told)) made.evicted_before = from;
  return made;
}

Result<ApplyReport> OnlineStore::Rebuild(const ViewPlan& plan,
                                         const std::shared_ptr<arrow::Table>& rows,
                                         CommitSeq applied, std::int64_t now,
                                         std::int64_t lateness_us) {
  ApplyReport report;
  OnlineChange change;
  change.plan = &plan;
  WEIRHOUSE_TRY(change.anew, Prepare(plan, rows, now, lateness_us, &report));
  WEIRHOUSE_TRY_STATUS(Apply({&change, 1}, applied, now).status());
  return report;
}

namespace {
// One entity's stored rows, and which of them stay: Keeper's rule, applied to the store.
class StoredEntity {
 public:
  StoredEntity(std::int64_t from, bool by_known) : from_(from), by_known_(by_known) {}

  const std::string& entity() const { return entity_; }
  void Begin(std::string_view entity) {
    entity_ = entity;
    rows_.clear();
  }
  void Add(const OnlineRowKey& key, std::int64_t hidden_at, bool deleted) {
    rows_.push_back({std::string(key.row_key), std::string(key.digest), key.event_time,
                     key.known_time, hidden_at, deleted, false});
  }
  // Removes rows that no question can see any more; returns how many.
  std::int64_t Settle(const ViewPlace& place, OnlineWrites& writes, KeptKeys& kept_keys) {
    MarkStaying();
    std::int64_t dropped = 0;
    for (const Row& row : rows_) {
      if (row.stays) {
        kept_keys.Add(row.row_key);
      } else {
        writes.DeleteRow(place, {entity_, row.event_time, row.known_time, row.row_key, row.digest});
        ++dropped;
      }
    }
    return dropped;
  }

 private:
  struct Row {
    std::string row_key;
    std::string digest;
    std::int64_t event_time;
    std::int64_t known_time;
    std::int64_t hidden_at;
    bool deleted;
    bool stays;
  };

  static auto Order(const Row& row) {
    return std::tie(row.event_time, row.known_time, row.row_key, row.digest);
  }
  bool IsRecent(const Row& row) const {
    if ((row.deleted ? row.known_time : row.event_time) >= from_) return true;
    if (!by_known_) return false;
    return row.known_time >= from_ || (row.hidden_at != kNever && row.hidden_at >= from_);
  }
  void MarkStaying() {
    Row* newest_row = nullptr;
    Row* newest_delete = nullptr;
    std::unordered_map<std::string_view, const Row*> deletes;
    for (Row& row : rows_) {
      row.stays = IsRecent(row);
      if (row.stays && row.deleted) deletes.emplace(row.row_key, &row);
      if (row.stays || row.hidden_at != kNever) continue;
      Row*& newest = row.deleted ? newest_delete : newest_row;
      if (newest == nullptr || Order(*newest) < Order(row)) newest = &row;
    }
    if (newest_row != nullptr) newest_row->stays = true;
    if (newest_delete != nullptr) {
      newest_delete->stays = true;
      deletes.emplace(newest_delete->row_key, newest_delete);
    }
    if (deletes.empty()) return;
    for (Row& row : rows_) {  // one row that each of them hid
      if (row.deleted) continue;
      const auto found = deletes.find(row.row_key);
      if (found == deletes.end() || row.known_time > found->second->known_time) continue;
      row.stays = true;
      deletes.erase(found);
    }
  }

  const std::int64_t from_;
  const bool by_known_;
  std::string entity_;
  std::vector<Row> rows_;
};
}  // namespace

Result<std::int64_t> OnlineStore::EvictIfDue(const ViewPlan& plan, std::int64_t now,
                                             std::int64_t lateness_us) {
  constexpr std::int64_t kShareOfKept = 4;
  const std::optional<std::int64_t> from = KeptFrom(plan, now, lateness_us);
  const std::string view_id = plan.view.id();
  const OnlineMarker marker = MarkerOf(view_id);
  if (!from || marker.generation == 0 || !Trusts(view_id)) return std::int64_t{0};
  std::int64_t gained = 0;
  const bool known =
      marker.evicted_before && !__builtin_sub_overflow(*from, *marker.evicted_before, &gained);
  if (known && gained < (now - *from) / kShareOfKept) return std::int64_t{0};
  return Evict(plan, now, lateness_us);
}

Result<std::int64_t> OnlineStore::Evict(const ViewPlan& plan, std::int64_t now,
                                        std::int64_t lateness_us) {
  const std::optional<std::int64_t> from = KeptFrom(plan, now, lateness_us);
  if (!from) return std::int64_t{0};
  const std::string view_id = plan.view.id();
  OnlineMarker marker = MarkerOf(view_id);
  if (marker.generation == 0) return std::int64_t{0};
  const ViewPlace place{view_id, marker.generation};
  // First the marker says that they may be gone: then they are removed a part at a time.
  marker.evicted_before = std::max(marker.evicted_before.value_or(kTimeless), *from);
  PartWriter eraser(*backend_);
  eraser.writes().PutMarker(view_id, EncodeMarker(marker));
  WEIRHOUSE_TRY_STATUS(eraser.Flush());
  {
    const std::lock_guard lock(mutex_);
    markers_[view_id] = marker;
  }
  KeptKeys kept_keys;
  StoredEntity entity(*from, !plan.view.as_of_latest);
  bool begun = false;
  std::int64_t dropped = 0;
  Status problem;
  const auto visit = [&](const OnlineRowKey& key, std::string_view value) {
    const Result<std::int64_t> hidden_at = HiddenAtOf(value);
    if (!hidden_at.ok()) {
      problem = hidden_at.status();
      return false;
    }
    if (!begun || entity.entity() != key.entity) {
      if (begun) dropped += entity.Settle(place, eraser.writes(), kept_keys);
      problem = eraser.FlushIfFull();
      if (!problem.ok()) return false;
      begun = true;
      entity.Begin(key.entity);
    }
    entity.Add(key, *hidden_at, value[1] != 0);
    return true;
  };
  WEIRHOUSE_TRY_STATUS(backend_->EachRow(place, visit));
  WEIRHOUSE_TRY_STATUS(problem);
  if (begun) dropped += entity.Settle(place, eraser.writes(), kept_keys);
  kept_keys.Sort();
  WEIRHOUSE_TRY_STATUS(DropLists(*backend_, place, kept_keys, *from, eraser));
  WEIRHOUSE_TRY_STATUS(eraser.Flush());
  return dropped;
}
}  // namespace weirhouse::feature
