// Feature rows by entity in a backend (backend.h: RocksDB), read at any recent t through the
// kernel.
//
// The store is a cache: it records the commit that each view has reached, and is rebuilt from the
// feature tables if that is not theirs. Bytes: see online_layout.h.
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

// The reason if an answer needs rows that the store does not keep: the feature tables have them.
inline constexpr Reason kNotKeptOnline{"WH4010"};
// The reason if stored bytes cannot be read: the store must be filled again.
inline constexpr Reason kOnlineRowUnreadable{"WH4014"};

// All rows of a view, written beside those that are served; the Apply that is given it serves it.
struct OnlineGeneration {
  std::uint32_t number = 0;
  std::optional<std::int64_t> evicted_before;  // rows with an older event time were left out
};

// The change of one commit to one view.
struct OnlineChange {
  const ViewPlan* plan = nullptr;
  std::shared_ptr<arrow::Table>
      rows;  // feature rows (rules/feature/rows/rows.h); may be null or empty
  std::vector<std::string> removed_row_keys;  // for an upserted source: rows that left
  std::optional<SnapshotId> snapshot = {};    // of its feature table, after this change
  std::optional<OnlineGeneration> anew = {};  // replaces all rows; `rows` is null
};

struct ApplyReport {
  std::int64_t rows = 0;        // written
  std::int64_t duplicates = 0;  // byte-equal to stored rows
  std::int64_t stale = 0;       // older than a stored version of the same table key
  std::int64_t due_later = 0;   // event time after `now`; served when due
};

// The state of a view, as the store records it.
struct OnlineMarker {
  std::int64_t applied = 0;
  std::optional<std::int64_t> evicted_before = {};  // rows with an older event time may be gone
  std::uint32_t generation = 0;                     // 0: nothing was ever applied
  std::int64_t snapshot = 0;                        // of the feature table; 0: unknown
};

// The store at one moment: answers of several views are of one state, whatever is written
// meanwhile. Must not outlive the store. Threads: any.
class OnlineState {
 public:
  // All functions answer kConflict if the state is gone and the backend did not keep it.
  //
  // Answers one entity at t = `at`, given k = `known` (usually `at`). NULL and unknown keys give
  // not_found, and so does a view that was never applied, with commit 0: see Holds. Errors: WH4010,
  // the answer needs rows that are not kept; WH4013, the values are not the view's entity; WH4014,
  // stored bytes cannot be read (rebuild).
  Result<FeatureAnswer> Get(const ViewPlan& plan, std::span<const Value> entity, std::int64_t at,
                            std::int64_t known) const;
  // Whether the store has the view's rows.
  Result<bool> Holds(const ViewPlan& plan) const;
  // The commit that the view has reached; 0: nothing was applied yet.
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

// The answer computed from `rows`, those of one entity, to a question at (`at`, `known`): what the
// store would answer if it kept everything. `seq`: the commit of the rows.
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
  // write. Repeating it changes nothing. Rows of a NULL entity are left out. In a view whose source
  // keeps no history, a row replaces the one with the same row_key. A distrusted view stays so
  // unless it is replaced as a whole. `sync` makes the write durable; without it a crash may lose
  // the last commits, which the marker then tells.
  Result<ApplyReport> Apply(std::span<const OnlineChange> changes, CommitSeq applied,
                            std::int64_t now, bool sync = false);

  // Changes of more rows are written a part at a time, to a copy of the served rows. For tests.
  void TakeAtOnce(std::int64_t rows) { rows_at_once_ = rows; }

  // Writes all of a feature table's `rows` beside the served ones; see OnlineChange::anew. Writes
  // only what Evict would keep, so this is the way to catch up after a backfill: about 1 µs for
  // each row read and 15 µs for each row kept, against 15 µs for each row applied.
  Result<OnlineGeneration> Prepare(const ViewPlan& plan, const std::shared_ptr<arrow::Table>& rows,
                                   std::int64_t now, std::int64_t lateness_us, ApplyReport* report);
  // Prepare and Apply together: replaces a view by all of its feature table's `rows` as of
  // `applied`. Until then the former rows are served.
  Result<ApplyReport> Rebuild(const ViewPlan& plan, const std::shared_ptr<arrow::Table>& rows,
                              CommitSeq applied, std::int64_t now, std::int64_t lateness_us);

  // The present state, for more than one question.
  OnlineState Look() const;
  // Calls `read` with the present state, and again with a newer one if that state is gone meanwhile
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
  // One answer for each entity, in order, of one state.
  Result<std::vector<FeatureAnswer>> GetMany(const ViewPlan& plan,
                                             std::span<const std::vector<Value>> entities,
                                             std::int64_t at, std::int64_t known) const;

  // The commit that a view has reached; 0 = nothing was applied yet, or the view is distrusted.
  CommitSeq AppliedSeq(const ViewPlan& plan) const;
  // The snapshot of the feature table whose rows a view holds; absent if unknown.
  std::optional<SnapshotId> SnapshotOf(const ViewPlan& plan) const;
  // The stored rows of a view come from another life of the catalog (a copy was restored): they are
  // not served until the view is replaced as a whole.
  void Distrust(const ViewPlan& plan);

  // Drops rows that no question from `now` - `lateness_us` on can see: rows older than that by more
  // than the longest window and the ttl. Each entity keeps its newest older row, so that `expired`
  // differs from `not_found`. Views that look back without limit keep everything. Returns the
  // number of rows dropped. Cost: reads the view's rows; call it now and then.
  Result<std::int64_t> Evict(const ViewPlan& plan, std::int64_t now, std::int64_t lateness_us);

  // The same, once the rows that may be dropped are a quarter of those kept, so that each applied
  // row costs a few times its own cost, however old the view is.
  Result<std::int64_t> EvictIfDue(const ViewPlan& plan, std::int64_t now, std::int64_t lateness_us);

  // Removes a view, to rebuild it.
  Status Reset(const ViewPlan& plan);

 private:
  // A commit takes longer than an answer, so this many conflicts in a row are no coincidence.
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
