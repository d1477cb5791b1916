#include <arrow/api.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/failpoint.h"
#include "feature/online_layout.h"
#include "feature/online_store.h"

namespace weirhouse::feature {
namespace {
// Rows with an older event time than this cannot be seen by any question that is still answered.
// Absent: the view looks back without bound.
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

// Which rows of a view stay: recent ones, and each entity's newest older row that stands.
std::vector<std::size_t> KeptRows(const UnsortedRows& read, std::optional<std::int64_t> from) {
  std::vector<std::size_t> kept;
  std::unordered_map<std::string_view, std::size_t> newest_older;
  const FeatureRows& rows = read.rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!read.entities[i]) continue;
    const bool deleted = rows.deleted[i] != 0;
    if (!from || (deleted ? rows.known_time[i] : rows.event_time[i]) >= *from) {
      kept.push_back(i);
    } else if (!deleted && rows.hidden_at[i] == kNever) {
      const auto [place, fresh] = newest_older.try_emplace(*read.entities[i], i);
      const std::size_t other = place->second;
      if (!fresh && std::pair(rows.event_time[other], rows.known_time[other]) <
                        std::pair(rows.event_time[i], rows.known_time[i])) {
        place->second = i;
      }
    }
  }
  for (const auto& [entity, row] : newest_older) kept.push_back(row);
  return kept;
}

// Drops the version lists of keys that have no row any more and whose versions all became known
// before `from`: nothing that may still arrive can be hidden by them.
Status DropLists(storage::KvStore& store, const std::string& view_id,
                 const std::unordered_set<std::string>& kept_keys, std::int64_t from,
                 storage::KvBatch& batch) {
  const std::string prefix = ViewPrefix('V', view_id);
  Status problem;
  const auto visit = [&](std::string_view key, std::string_view value) {
    if (kept_keys.contains(std::string(key.substr(prefix.size())))) return true;
    const auto versions = DecodeVersions(value);
    if (!versions.ok()) {
      problem = versions.status();
      return false;
    }
    const bool recent = std::any_of(versions->begin(), versions->end(), [&](const auto& version) {
      return version.known_time >= from;
    });
    if (!recent) batch.Delete(key);
    return true;
  };
  WEIRHOUSE_TRY_STATUS(store.Scan(prefix, AfterPrefix(prefix), visit));
  return problem;
}
}  // namespace

Result<ApplyReport> OnlineStore::Rebuild(const ViewPlan& plan,
                                         const std::shared_ptr<arrow::Table>& rows,
                                         CommitSeq applied, std::int64_t now,
                                         std::int64_t lateness_us) {
  WEIRHOUSE_TRY(const UnsortedRows read, ReadUnsorted(plan, *rows));
  const std::string view_id = plan.view.id();
  const std::optional<std::int64_t> from = KeptFrom(plan, now, lateness_us);
  const std::unique_ptr<storage::KvBatch> batch = store_.NewBatch();
  for (const char kind : {'R', 'V'}) {
    const std::string prefix = ViewPrefix(kind, view_id);
    batch->DeleteRange(prefix, AfterPrefix(prefix));
  }
  const auto version_of = [&](std::size_t row) {
    return StoredVersion{read.entities[row].value_or(""), read.rows.event_time[row],
                         read.rows.known_time[row], read.rows.digest[row]};
  };
  ApplyReport report;
  std::unordered_map<std::string_view, std::vector<StoredVersion>> lists;
  // Byte-equal repeats have one key; of them the one that stands longest is the row.
  std::unordered_map<std::string, std::size_t> puts;
  for (const std::size_t row : KeptRows(read, from)) {
    const std::string_view row_key = read.rows.row_key[row];
    lists.try_emplace(row_key);
    const auto [place, fresh] = puts.try_emplace(RowKeyOf(view_id, version_of(row), row_key), row);
    if (!fresh) ++report.duplicates;
    if (read.rows.hidden_at[row] > read.rows.hidden_at[place->second]) place->second = row;
  }
  for (const auto& [key, row] : puts) {
    batch->Put(key, EncodeRow(read.rows, row, read.rows.hidden_at[row]));
    ++report.rows;
    if (read.rows.event_time[row] > now) ++report.due_later;
  }
  // A list names all versions of its key, also those that are not kept: they hide others. Whatever
  // arrives within the lateness can only be hidden by what became known after `from`.
  for (std::size_t row = 0; row < read.rows.size(); ++row) {
    if (!from || read.rows.known_time[row] >= *from) lists.try_emplace(read.rows.row_key[row]);
  }
  for (std::size_t row = 0; row < read.rows.size(); ++row) {
    const auto list = lists.find(read.rows.row_key[row]);
    if (list == lists.end()) continue;
    const StoredVersion version = version_of(row);
    if (std::find(list->second.begin(), list->second.end(), version) == list->second.end()) {
      list->second.push_back(version);
    }
  }
  for (const auto& [row_key, versions] : lists) {
    batch->Put(VersionListKey(view_id, row_key), EncodeVersions(versions));
  }
  const Marker marker{applied.value(), from};
  batch->Put(ViewPrefix('M', view_id), EncodeMarker(marker.applied, marker.evicted_before));
  WEIRHOUSE_FAILPOINT("feature.online.before_write");
  WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
  const std::lock_guard lock(mutex_);
  markers_[view_id] = marker;
  return report;
}

Result<std::int64_t> OnlineStore::Evict(const ViewPlan& plan, std::int64_t now,
                                        std::int64_t lateness_us) {
  const std::optional<std::int64_t> from = KeptFrom(plan, now, lateness_us);
  if (!from) return std::int64_t{0};
  const std::string view_id = plan.view.id();
  const std::string prefix = ViewPrefix('R', view_id);
  const std::unique_ptr<storage::KvBatch> batch = store_.NewBatch();
  std::unordered_set<std::string> kept_keys;
  std::string entity_with_older;
  std::int64_t dropped = 0;
  Status problem;
  const auto visit = [&](std::string_view key, std::string_view value) {
    const Result<RowKeyParts> parts = ParseRowKey(key, prefix.size());
    const Result<std::int64_t> hidden_at = HiddenAtOf(value);
    if (!parts.ok() || !hidden_at.ok()) {
      problem = parts.ok() ? hidden_at.status() : parts.status();
      return false;
    }
    const bool deleted = value[1] != 0;
    bool stays = (deleted ? parts->known_time : parts->event_time) >= *from;
    if (!stays && !deleted && *hidden_at == kNever && entity_with_older != parts->entity) {
      entity_with_older = std::string(parts->entity);
      stays = true;
    }
    if (stays) {
      kept_keys.emplace(parts->row_key);
    } else {
      batch->Delete(key);
      ++dropped;
    }
    return true;
  };
  WEIRHOUSE_TRY_STATUS(store_.Scan(prefix, AfterPrefix(prefix), visit));
  WEIRHOUSE_TRY_STATUS(problem);
  WEIRHOUSE_TRY_STATUS(DropLists(store_, view_id, kept_keys, *from, *batch));
  Marker marker = MarkerOf(view_id);
  marker.evicted_before = std::max(marker.evicted_before.value_or(kTimeless), *from);
  batch->Put(ViewPrefix('M', view_id), EncodeMarker(marker.applied, marker.evicted_before));
  WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
  const std::lock_guard lock(mutex_);
  markers_[view_id] = marker;
  return dropped;
}

Status OnlineStore::Reset(const ViewPlan& plan) {
  const std::string view_id = plan.view.id();
  const std::unique_ptr<storage::KvBatch> batch = store_.NewBatch();
  for (const char kind : {'R', 'V'}) {
    const std::string prefix = ViewPrefix(kind, view_id);
    batch->DeleteRange(prefix, AfterPrefix(prefix));
  }
  batch->Delete(ViewPrefix('M', view_id));
  WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
  const std::lock_guard lock(mutex_);
  markers_.erase(view_id);
  return Status();
}
}  // namespace weirhouse::feature
