#include "rules/feature/online/online_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/failpoint.h"
#include "ground/base/time.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/online/online_layout.h"

namespace weirhouse::feature {
namespace {
struct ScannedRow {
  std::int64_t event_time;
  std::int64_t known_time;
  std::string row_key;
  std::string digest;
  std::string value;
};

// The rows of one entity that a question at (t, k) needs, collected newest first.
class EntityScan {
 public:
  EntityScan(const ViewPlan& plan, std::int64_t at, std::int64_t known)
      : at_(at), known_(plan.view.as_of_latest ? kLatest : std::min(known, kLatest)) {
    if (__builtin_sub_overflow(at, plan.window_us_max(), &low_)) low_ = kTimeless;
  }

  // Takes rows at or before t until all windows are covered and a visible row before t is found, so
  // that the kernel can tell an empty window from an unknown entity.
  bool TakeOlder(const OnlineRowKey& key, std::string_view value) {
    if (key.event_time < low_ && survivor_ && key.event_time < *survivor_) return false;
    const bool survives = Survives(key, value);
    if (!problem_.ok()) return false;
    if (survives && key.event_time < at_ && !survivor_) survivor_ = key.event_time;
    Keep(key, value);
    return true;
  }
  bool needs_newer() const { return problem_.ok() && !survivor_; }
  // The event time of the newest visible row before t.
  std::optional<std::int64_t> survivor() const { return survivor_; }
  // Takes all rows after t: no row before is visible, and these may tell why (a later row, or one
  // that a delete hid).
  bool TakeNewer(const OnlineRowKey& key, std::string_view value) {
    Keep(key, value);
    return true;
  }
  const Status& problem() const { return problem_; }

  // Rows ascending in the full order. They are reversed first, which nearly sorts them: the scan
  // gives event and known times descending and, for equal ones, keys ascending.
  std::vector<ScannedRow>& Ordered() {
    std::reverse(rows_.begin(), rows_.end());
    const bool forgets_ties = Planted("tie_order");
    const auto before = [forgets_ties](const ScannedRow& x, const ScannedRow& y) {
      if (x.event_time != y.event_time) return x.event_time < y.event_time;
      if (x.known_time != y.known_time) return x.known_time < y.known_time;
      if (forgets_ties) return false;
      if (x.row_key != y.row_key) return x.row_key < y.row_key;
      return x.digest < y.digest;
    };
    std::stable_sort(rows_.begin(), rows_.end(), before);
    return rows_;
  }

 private:
  bool Survives(const OnlineRowKey& key, std::string_view value) {
    const Result<std::int64_t> hidden_at = HiddenAtOf(value);
    if (!hidden_at.ok()) {
      problem_ = hidden_at.status();
      return false;
    }
    return value[1] == 0 && key.known_time <= known_ && known_ < *hidden_at;
  }
  void Keep(const OnlineRowKey& key, std::string_view value) {
    rows_.push_back({key.event_time, key.known_time, std::string(key.row_key),
                     std::string(key.digest), std::string(value)});
  }

  std::int64_t at_;
  std::int64_t known_;
  std::int64_t low_ = 0;
  std::optional<std::int64_t> survivor_;
  std::vector<ScannedRow> rows_;
  Status problem_;
};
}  // namespace

namespace {
Status CheckKept(const ViewPlan& plan, const OnlineMarker& marker, std::int64_t at) {
  const std::optional<std::int64_t> back = plan.look_back_us();
  if (!back || !marker.evicted_before) return Status();
  std::int64_t oldest = 0;
  if (!__builtin_sub_overflow(at, *back, &oldest) && oldest >= *marker.evicted_before) {
    return Status();
  }
  return Status(Code::kInvalidInput,
                fmt::format("\"at\" lies before what the online store keeps: view \"{}\", at {}, "
                            "earliest {}",
                            plan.view.id(), FormatTime(at),
                            FormatTime(*marker.evicted_before + *back)))
      .WithError(kNotKeptOnline)
      .WithHint("ask the offline tables: a point-in-time join has no such limit");
}
}  // namespace

OnlineState::OnlineState(std::unique_ptr<OnlineMoment> moment, std::set<std::string> distrusted)
    : moment_(std::move(moment)), distrusted_(std::move(distrusted)) {}

Result<OnlineMarker> OnlineState::MarkerOf(const ViewPlan& plan) const {
  const std::string view_id = plan.view.id();
  if (distrusted_.contains(view_id)) return OnlineMarker();
  WEIRHOUSE_TRY(const auto bytes, moment_->Marker(view_id));
  if (!bytes) return OnlineMarker();
  return DecodeMarker(*bytes);
}

Result<bool> OnlineState::Holds(const ViewPlan& plan) const {
  WEIRHOUSE_TRY(const OnlineMarker marker, MarkerOf(plan));
  return marker.generation != 0;
}

Result<CommitSeq> OnlineState::AppliedSeq(const ViewPlan& plan) const {
  WEIRHOUSE_TRY(const OnlineMarker marker, MarkerOf(plan));
  return CommitSeq(marker.applied);
}

Status OnlineState::ReadEntity(const ViewPlan& plan, const OnlineMarker& marker,
                               const std::string& entity, std::int64_t at, std::int64_t known,
                               FeatureRows* rows) const {
  const ViewPlace place{plan.view.id(), marker.generation};
  EntityScan scan(plan, at, known);
  WEIRHOUSE_TRY_STATUS(moment_->RowsUpTo(
      place, entity, at,
      [&](const OnlineRowKey& key, std::string_view value) { return scan.TakeOlder(key, value); }));
  if (marker.evicted_before && scan.survivor().value_or(kTimeless) < *marker.evicted_before) {
    WEIRHOUSE_TRY(const bool gap, moment_->HasGap(place, entity));
    if (gap) {
      return Status(
                 Code::kInvalidInput,
                 fmt::format(
                     "the online store no longer has the rows of view \"{}\" that an answer about "
                     "this entity needs",
                     plan.view.id()))
          .WithError(kNotKeptOnline)
          .WithHint("ask the offline tables: a point-in-time join has no such limit");
    }
  }
  if (scan.needs_newer()) {
    WEIRHOUSE_TRY_STATUS(
        moment_->RowsAfter(place, entity, at, [&](const OnlineRowKey& key, std::string_view value) {
          return scan.TakeNewer(key, value);
        }));
  }
  WEIRHOUSE_TRY_STATUS(scan.problem());
  for (const ScannedRow& row : scan.Ordered()) {
    const OnlineRowKey key{entity, row.event_time, row.known_time, row.row_key, row.digest};
    WEIRHOUSE_TRY_STATUS(DecodeRow(plan, key, row.value, rows));
  }
  return Status();
}

Result<FeatureAnswer> OnlineState::Get(const ViewPlan& plan, std::span<const Value> entity,
                                       std::int64_t at, std::int64_t known) const {
  WEIRHOUSE_TRY(const OnlineMarker marker, MarkerOf(plan));
  WEIRHOUSE_TRY_STATUS(CheckKept(plan, marker, at));
  WEIRHOUSE_TRY(const std::optional<std::string> key, EncodeEntity(plan.view.entity, entity));
  FeatureRows rows;
  rows.values = EmptyValues(plan);
  if (key && marker.generation != 0) {
    WEIRHOUSE_TRY_STATUS(ReadEntity(plan, marker, *key, at, known, &rows));
  }
  return AnswerFromRows(plan, {&rows, 0, rows.size()}, at, known, CommitSeq(marker.applied));
}

Result<FeatureAnswer> AnswerFromRows(const ViewPlan& plan, const EntityRowsView& rows,
                                     std::int64_t at, std::int64_t known, CommitSeq seq) {
  FeatureAnswer answer;
  answer.at = at;
  answer.view_versions.emplace_back(plan.view.name, plan.view.version);
  answer.seq = seq;
  std::vector<Cell> cells(plan.outputs.size());
  EvaluateEach(plan, rows, {at, known}, cells);
  answer.values.reserve(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    FeatureValue value;
    value.name = plan.outputs[i].column.qualified;
    value.type = plan.outputs[i].type;
    value.value = cells[i].ToValue();
    value.status = cells[i].status;
    if (cells[i].has_event_time) value.event_time = cells[i].event_time;
    answer.values.push_back(std::move(value));
  }
  return answer;
}

OnlineState OnlineStore::Look() const {
  std::set<std::string> distrusted;
  {
    const std::lock_guard lock(mutex_);
    distrusted = distrusted_;
  }
  // Taken after the list: a view is trusted again only after its new rows were written.
  return {backend_->Look(), std::move(distrusted)};
}

Result<FeatureAnswer> OnlineStore::Get(const ViewPlan& plan, std::span<const Value> entity,
                                       std::int64_t at, std::int64_t known) const {
  return AtOneMoment([&](const OnlineState& state) { return state.Get(plan, entity, at, known); });
}

Result<std::vector<FeatureAnswer>> OnlineStore::GetMany(
    const ViewPlan& plan, std::span<const std::vector<Value>> entities, std::int64_t at,
    std::int64_t known) const {
  return AtOneMoment([&](const OnlineState& state) -> Result<std::vector<FeatureAnswer>> {
    std::vector<FeatureAnswer> answers;
    answers.reserve(entities.size());
    for (const std::vector<Value>& entity : entities) {
      WEIRHOUSE_TRY(FeatureAnswer answer, state.Get(plan, entity, at, known));
      answers.push_back(std::move(answer));
    }
    return answers;
  });
}
}  // namespace weirhouse::feature
