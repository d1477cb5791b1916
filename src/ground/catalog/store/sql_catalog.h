// The catalog on SQLite or PostgreSQL. Its parts lie in files by concept:
// commit.cc, pointer_write.cc, publish.cc and lineage_write.cc (the one transaction), chain.cc and
// tally.h (what shows that rows were changed), runs.cc, names.cc and span.cc, place.cc, released.cc,
// reads.cc, totals.cc, graph.cc, walk.cc, reply.cc, outbox.cc, delivery.cc.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/failpoint.h"
#include "ground/catalog/catalog.h"
#include "ground/catalog/known_arrivals.h"
#include "ground/catalog/store/group_writer.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// There is one writing connection, which writers share (group_writer.h), and several reading ones:
// a reader waits neither for the writer's fsync nor for another reader's long query.
class SqlCatalog final : public Catalog, public KnowsArrivals {
 public:
  // Opens one connection; called again when one is lost.
  using Opener = std::function<Result<std::unique_ptr<platform::Database>>(bool read_only)>;
  // `shown` names the database to people.
  static Result<std::unique_ptr<Catalog>> Open(Opener open, std::string shown,
                                               const CatalogOptions& options);

  std::string place() const override { return shown_; }
  // See moment.h.
  Status ReadTogether(const std::function<Status()>& body);

  Result<Run> PlanRun(const RunPlan& plan) override;
  Result<std::vector<Run>> PlanRuns(const std::vector<RunPlan>& plans) override;
  Status FailRun(RunId run, const Status& why) override;
  Result<Run> GetRun(RunId run) override;
  Result<std::optional<Run>> FindRun(RunKind kind, const Digest& step_identity) override;
  Result<std::vector<Run>> Runs(const RunFilter& filter) override;
  Result<std::vector<std::pair<RunState, std::int64_t>>> RunCounts() override;

  Result<CommitAnswer> Commit(const CommitRequest& request) override;
  Result<std::optional<CommitAnswer>> Outcome(std::string_view idempotency_key) override;
  Result<std::optional<StoredReply>> FindReply(std::string_view key) override;
  Status KeepReply(const StoredReply& reply) override;
  Result<int> CountParseAttempt(const std::string& source, const std::string& name,
                                const Digest& digest) override;
  Result<std::vector<int>> CountParseAttempts(const std::vector<Arrival>& arrivals) override;
  Result<int> ParseAttempts(const Arrival& arrival) override;
  Status ForgetParseAttempts(const Arrival& arrival) override;

  Result<std::optional<TablePointer>> FindTable(std::string_view name) override;
  Result<std::vector<TablePointer>> Tables() override;
  Result<std::vector<std::string>> TableNames(std::string_view name_space, PointerKind kind,
                                              std::string_view after, std::int64_t limit) override;
  Result<std::vector<NamespaceRecord>> Namespaces() override;
  Result<std::optional<NamespaceRecord>> FindNamespace(std::string_view name) override;
  Result<std::vector<PlaceRecord>> PlacesAround(const std::vector<std::string>& places) override;
  Status ReleasePlaces(const std::vector<std::string>& places) override;
  Result<std::vector<SnapshotRecord>> Snapshots(std::string_view table) override;
  Result<CommitSeq> SeqOf(std::string_view table, std::int64_t sequence_number) override;
  Result<std::optional<SnapshotRecord>> SnapshotAsOf(std::string_view table,
                                                     CommitSeq seq) override;
  Result<CommitSeq> LastSeq() override;
  Result<std::vector<FileRecord>> Files(std::optional<std::string> table) override;
  Result<std::vector<FileRecord>> FilesSince(CommitSeq after) override;
  Result<std::vector<std::string>> ReleasedFiles(ProcessTime before) override;
  Status MarkRemoved(const std::vector<std::string>& paths) override;
  Result<std::vector<ObjectRecord>> Objects(const ObjectFilter& filter) override;
  Result<ObjectTotals> CountObjects() override;
  Result<std::int64_t> RecordsSince(CommitSeq after) override;
  Result<std::optional<ObjectRecord>> FindObject(ObjectId id) override;
  Result<std::optional<ObjectRecord>> ObjectOfRecord(RecordId record) override;
  Result<std::optional<ObjectRecord>> FindArrival(const std::string& source,
                                                  const std::string& name,
                                                  const Digest& digest) override;
  Result<std::optional<LandingRecord>> FindLanding(const std::string& path) override;
  Result<std::vector<ObjectRecord>> FindArrivals(const std::vector<Arrival>& arrivals) override;
  Result<std::vector<LandingRecord>> FindLandings(const std::vector<std::string>& paths) override;
  Result<std::vector<LandingRecord>> Landings(const std::string& source) override;
  Result<std::vector<VerdictRecord>> Verdicts(const VerdictFilter& filter) override;
  Result<std::vector<MetricRecord>> Metrics(const std::string& table, const std::string& name,
                                            EventTime from, EventTime to) override;
  Result<std::vector<RecordStateCount>> RecordStates() override;
  Result<std::optional<Node>> FindNode(const NodeRef& ref) override;
  Result<std::vector<EdgeRecord>> EdgesInto(const NodeRef& ref) override;
  Result<std::vector<EdgeRecord>> EdgesOutOf(const NodeRef& ref) override;
  Result<std::vector<Node>> Nodes(NodeKind kind) override;
  Result<LineageWalk> Walk(const NodeRef& start, WalkDirection direction, int depth,
                           const WalkFilter& filter) override;
  Result<Offset> OffsetOf(const std::string& consumer) override;
  Result<std::optional<PredictionRecord>> FindPrediction(const std::string& id) override;
  Result<std::vector<PredictionRecord>> Predictions(std::int64_t limit) override;
  Result<std::optional<nlohmann::json>> Setting(const SettingKey& key) override;
  Result<std::vector<std::pair<std::string, nlohmann::json>>> Settings(
      std::string_view prefix) override;
  Result<std::vector<CommitEntry>> Commits(CommitSeq after, std::int64_t limit) override;
  Result<std::optional<CommitEntry>> NextCommit(Layer layer, CommitSeq after) override;
  Status VerifyChain() override;

  Result<std::vector<OutboxEvent>> PendingEvents(std::int64_t limit) override;
  Status RouteEvents(std::int64_t last, const std::vector<Delivery>& owed) override;
  Result<std::optional<OutboxEvent>> FindEvent(std::int64_t id) override;
  Result<std::optional<Delivery>> DueDelivery(const std::string& target, ProcessTime now,
                                              std::chrono::microseconds longest_wait) override;
  Result<std::optional<ProcessTime>> NextTry(const std::string& target) override;
  Status NoteDelivery(const Delivery& delivery) override;
  Result<std::vector<std::string>> WaitingTargets() override;
  Result<std::vector<TargetCount>> OpenDeliveries() override;
  Result<std::vector<Delivery>> Deliveries(std::string_view state, bool newest_first,
                                           std::int64_t limit) override;
  Result<std::vector<std::pair<std::string, std::int64_t>>> EventCounts() override;
  Result<EventTime> ReplayNow() override;

 private:
  using Body = std::function<Status(platform::Database&)>;

  SqlCatalog(Opener open, std::string shown, bool read_only, Clock& clock)
      : open_(std::move(open)),
        shown_(std::move(shown)),
        read_only_(read_only),
        clock_(&clock),
        writer_([this] { return OpenTalliedWriter(); },
                [this](platform::Database& db) { return CheckClaim(db); }) {
    idle_readers_.reserve(kReadersKept);  // they are handed back where nothing may be thrown
  }

  Result<std::unique_ptr<platform::Database>> OpenWriter() const;
  // Increments the writer number and remembers it as ours.
  Status Claim();
  // OK while no other process has claimed the catalog after us.
  Status CheckClaim(platform::Database& db) const;
  // A writer that keeps the tallies of what it writes; for everything but migrations.
  Result<std::unique_ptr<platform::Database>> OpenTalliedWriter() const;
  // A reading connection, returned to the pool on destruction. Open waits while kReadersMax are in
  // use.
  class Reader {
   public:
    explicit Reader(SqlCatalog& catalog) : catalog_(catalog) {}
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Status Open();
    // Runs one statement, once more if the connection turns out to have ended.
    Status Run(const Body& statement);
    // Runs several statements in one transaction, which has been begun.
    Status RunToEnd(const Body& statements);

   private:
    SqlCatalog& catalog_;
    bool counted_ = false;
    bool at_work_ = false;  // after an exception the connection must not be reused
    std::unique_ptr<platform::Database> connection_;
  };
  // Writes `body` atomically. `body` may be called more than once (see WriteWork).
  Status Write(const Body& body);
  // Runs `body`, of one statement, on a reading connection.
  Status Read(const Body& body);
  // Runs `body`, of several statements that all see one committed state.
  Status ReadOneState(const Body& body);
  // All rows of one statement, or the first one.
  template <typename T>
  Result<std::vector<T>> Collect(std::string_view sql,
                                 const std::vector<platform::DatabaseValue>& parameters,
                                 Result<T> (*of_row)(const platform::DatabaseRow&));
  template <typename T>
  Result<std::optional<T>> FindOne(std::string_view sql,
                                   const std::vector<platform::DatabaseValue>& parameters,
                                   Result<T> (*of_row)(const platform::DatabaseRow&));
  // All rows of `select`, which ends in a condition, that were recorded for `table` under any of
  // its names (see span.h); in `order` within each name, the oldest name first. `seq` is the
  // expression compared with the span's commits: "seq + 0" keeps the planner from the index of
  // commits.
  template <typename T>
  Result<std::vector<T>> CollectRecorded(std::string_view table, std::string_view select,
                                         const std::vector<platform::DatabaseValue>& parameters,
                                         std::string_view order,
                                         Result<T> (*of_row)(const platform::DatabaseRow&),
                                         std::string_view seq = "seq");
  Result<std::vector<EdgeRecord>> Edges(std::string_view sql, const NodeRef& ref);

  const Opener open_;
  const std::string shown_;
  const bool read_only_;
  Clock* const clock_;
  std::int64_t claim_ = 0;  // 0: not claimed. Set while the catalog is opened
  GroupWriter writer_;
  static constexpr int kReadersMax = 16;
  static constexpr std::size_t kReadersKept = 4;
  std::mutex read_mutex_;
  std::condition_variable reader_back_;
  std::vector<std::unique_ptr<platform::Database>> idle_readers_;  // guarded by read_mutex_
  int readers_at_work_ = 0;                                        // guarded by read_mutex_
};

template <typename T>
Result<std::vector<T>> SqlCatalog::Collect(std::string_view sql,
                                           const std::vector<platform::DatabaseValue>& parameters,
                                           Result<T> (*of_row)(const platform::DatabaseRow&)) {
  std::vector<T> rows;
  WEIRHOUSE_TRY_STATUS(Read([&](platform::Database& db) {
    return db.Each(sql, parameters, [&](const platform::DatabaseRow& row) -> Status {
      WEIRHOUSE_TRY(T value, of_row(row));
      rows.push_back(std::move(value));
      return Status::Ok();
    });
  }));
  return rows;
}

template <typename T>
Result<std::optional<T>> SqlCatalog::FindOne(std::string_view sql,
                                             const std::vector<platform::DatabaseValue>& parameters,
                                             Result<T> (*of_row)(const platform::DatabaseRow&)) {
  WEIRHOUSE_TRY(std::vector<T> rows, Collect(sql, parameters, of_row));
  if (rows.empty()) return std::optional<T>();
  return std::optional<T>(std::move(rows.front()));
}
}  // namespace weirhouse::catalog
