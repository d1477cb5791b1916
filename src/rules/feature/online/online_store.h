// Feature rows by entity in a backend (backend.h: RocksDB), read at any recent t through the same
// kernel.
//
// The store is a cache: it says for each view at which commit it stands, and is rebuilt from the
// feature tables when that is not theirs. Bytes: see online_layout.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/platform/kv/kv.h"
#include "rules/feature/kernel/answer.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/online/backend.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// An answer rests on rows that the store does not keep: the tables have it.
inline constexpr Reason kNotKeptOnline{"WH4010"};
// Stored bytes cannot be read: the store is to be filled anew.
inline constexpr Reason kOnlineRowUnreadable{"WH4014"};

// All rows of a view, written beside those that are served: served from the Apply on that is given
// it.
struct OnlineGeneration {
  std::uint32_t number = 0;
  std::optional<std::int64_t> evicted_before;  // rows with an older event time were left out
};

// What one commit changes in one view.
struct OnlineChange {
  const ViewPlan* plan = nullptr;
  std::shared_ptr<arrow::Table>
      rows;  // feature rows (rules/feature/rows/rows.h); may be null or empty
  std::vector<std::string> removed_row_keys;  // of an upserted source: rows that left
  std::optional<SnapshotId> snapshot = {};    // of its feature table, with this change
  std::optional<OnlineGeneration> anew = {};  // takes the place of all there was; `rows` is null
};

struct ApplyReport {
  std::int64_t rows = 0;        // written
  std::int64_t duplicates = 0;  // byte-equal to what was there
  std::int64_t stale = 0;       // older than a version of the same table key that is there
  std::int64_t due_later = 0;   // event time after `now`, served when due
};

// Where a view stands, as the store writes it down.
struct OnlineMarker {
  std::int64_t applied = 0;
  std::optional<std::int64_t> evicted_before = {};  // rows with an older event time may be gone
  std::uint32_t generation = 0;                     // 0: nothing was ever applied
  std::int64_t snapshot = 0;                        // of the feature table; 0: not told
};

// What the store holds at one moment: answers of several views are of one state, whatever is
// written meanwhile. Must not outlive the store. Threads: any.
class OnlineState {
 public:
  // All of these answer kConflict where the state has gone and the backend did not keep it.
  //
  // Answers one entity at t = `at`, given k = `known` (usually `at`). NULL keys and unknown ones
  // answer not_found, and so does a view that was never applied, at commit 0: ask Holds. Errors:
  // WH4010, the answer rests on rows that are not kept; WH4013, the values are not the view's
  // entity; WH4014, stored bytes cannot be read (rebuild).
  Result<FeatureAnswer> Get(const ViewPlan& plan, std::span<const Value> entity, std::int64_t at,
                            std::int64_t known) const;
  // Whether the view's rows are there.
  Result<bool> Holds(const ViewPlan& plan) const;
  // The commit that the view stands at; 0: nothing was applied yet.
  Result<CommitSeq> AppliedSeq(const ViewPlan& plan) const;

 private:
  friend class OnlineStore;
  OnlineState(std::unique_ptr<OnlineMoment> moment, std::set<std::string> distrusted);
  Result<OnlineMarker> MarkerOf(const ViewPlan& plan) const;
  Status ReadEntity(const ViewPlan& plan, const OnlineMarker& marker, const std::string& entity,
                    std::int64_t at, std::int64_t known, FeatureRows* rows) const;

  std::unique_ptr<OnlineMoment> moment_;
  std::set<std::string> distrusted_;  // by view id
};

// The answer of `rows`, those of one entity, to a question at (`at`, `known`): without the store,
// what it would say if it kept everything. `seq`: the commit of the rows.
Result<FeatureAnswer> AnswerFromRows(const ViewPlan& plan, const EntityRowsView& rows,
                                     std::int64_t at, std::int64_t known, CommitSeq seq);

// Threads: reads from any; one writer at a time.
class OnlineStore {
 public:
  // Reads the markers of all views. `store` must outlive this.
  static Result<std::unique_ptr<OnlineStore>> Open(platform::KvStore& store);
  static Result<std::unique_ptr<OnlineStore>> Open(std::unique_ptr<OnlineBackend> backend);
  ~OnlineStore();

  // Applies the changes of one commit and moves the markers of their views to `applied`, all in one
  // write. The same again changes nothing. Rows of a NULL entity are left out. In a view whose
  // source keeps no history, a row replaces whatever stood under its row_key. A view that is not
  // trusted stays so unless it comes anew. `sync` makes it durable; without it a crash may lose the
  // last commits, which the marker then tells.
  Result<ApplyReport> Apply(std::span<const OnlineChange> changes, CommitSeq applied,
                            std::int64_t now, bool sync = false);

  // Changes of more rows are written a part at a time, beside what is served, which is copied for
  // it. For tests.
  void TakeAtOnce(std::int64_t rows) { rows_at_once_ = rows; }

  // Writes all of a feature table's `rows` beside what is served; see OnlineChange::anew. Only what
  // Evict would keep is written, so this is the way to catch up after a backfill: about 1 µs a row
  // read and 15 µs a row kept, against 15 µs for each row applied.
  Result<OnlineGeneration> Prepare(const ViewPlan& plan, const std::shared_ptr<arrow::Table>& rows,
                                   std::int64_t now, std::int64_t lateness_us, ApplyReport* report);
  // Both: makes a view stand at `applied` with all of its feature table's `rows`. Until then what
  // was there is served.
  Result<ApplyReport> Rebuild(const ViewPlan& plan, const std::shared_ptr<arrow::Table>& rows,
                              CommitSeq applied, std::int64_t now, std::int64_t lateness_us);

  // What is there now, to be asked more than one question.
  OnlineState Look() const;
  // Asks `read` of what is there now, and again of what is there then where that has gone meanwhile
  // (kConflict), at most kLooksMax times. `read`: Result or Status of a const OnlineState&.
  template <typename Read>
  auto AtOneMoment(const Read& read) const {
    auto answer = read(Look());
    for (int i = 1; i < kLooksMax && HasGone(answer); ++i) answer = read(Look());
    return answer;
  }
  // One answer: Look().Get(…).
  Result<FeatureAnswer> Get(const ViewPlan& plan, std::span<const Value> entity, std::int64_t at,
                            std::int64_t known) const;
  // One answer per entity, in order, of one state.
  Result<std::vector<FeatureAnswer>> GetMany(const ViewPlan& plan,
                                             std::span<const std::vector<Value>> entities,
                                             std::int64_t at, std::int64_t known) const;

  // The commit a view stands at; 0 = nothing was applied yet, or it is not trusted.
  CommitSeq AppliedSeq(const ViewPlan& plan) const;
  // The snapshot of its feature table whose rows it holds; absent if that was not told.
  std::optional<SnapshotId> SnapshotOf(const ViewPlan& plan) const;
  // What is stored of a view is of another life of the catalog (a copy was put back): it is not
  // served, until it comes anew.
  void Distrust(const ViewPlan& plan);

  // Drops rows that no question from `now` - `lateness_us` on can see: older than that by more than
  // the longest window and the ttl. Each entity keeps its newest older row, so that `expired` can
  // be told from `not_found`. Views that look back without bound keep everything. Returns the rows
  // dropped. Cost: reads the view's rows; call it now and then.
  Result<std::int64_t> Evict(const ViewPlan& plan, std::int64_t now, std::int64_t lateness_us);

  // The same, once what may be dropped is a quarter of what is kept, so that each row applied pays
  // a few times what it cost, however old the view is.
  Result<std::int64_t> EvictIfDue(const ViewPlan& plan, std::int64_t now, std::int64_t lateness_us);

  // Forgets a view, to rebuild it.
  Status Reset(const ViewPlan& plan);

 private:
  // A commit takes longer than an answer: that as many come between is no coincidence.
  static constexpr int kLooksMax = 8;
  static bool HasGone(const Status& status) { return status.code() == Code::kConflict; }
  template <typename T>
  static bool HasGone(const Result<T>& result) {
    return !result.ok() && HasGone(result.status());
  }

  explicit OnlineStore(std::unique_ptr<OnlineBackend> backend);
  OnlineMarker MarkerOf(const std::string& view_id) const;
  bool Trusts(const std::string& view_id) const;
  Status ApplyMany(const OnlineChange& change, std::optional<std::int64_t> evicted_before,
                   std::int64_t now, ViewPlace& place, ApplyReport& report);
  Status DropView(const std::string& view_id);

  const std::unique_ptr<OnlineBackend> backend_;
  mutable std::mutex mutex_;                     // guards all below
  std::map<std::string, OnlineMarker> markers_;  // as written
  std::set<std::string> distrusted_;
  std::int64_t rows_at_once_ = 64 << 10;  // about 20 MB of writes
};
}  // namespace weirhouse::feature
