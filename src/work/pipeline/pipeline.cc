#include "work/pipeline/pipeline.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/base/writers/retry.h"
#include "work/ingest/landing_list.h"
#include "work/ingest/raw_step.h"
#include "work/ingest/topic_arrivals.h"
#include "work/landing/object_reader.h"
#include "work/pipeline/arrived.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/upkeep/abandoned.h"
#include "work/workspace/applied.h"
#include "work/workspace/online_refresh.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/state/catalog_witness.h"
#include "work/workspace/tables/external_table.h"

namespace weirhouse::work {
namespace {
// More waiting batches than this are a backfill: filling the online store batch by batch would cost
// ten times what building it once does.
constexpr std::size_t kBackfillBatches = 16;

class SilentProgress : public Progress {
 public:
  void Update(std::string_view /*what*/, std::int64_t /*done*/, std::int64_t /*total*/) override {}
  void Say(std::string_view /*line*/) override {}
  bool Cancelled() override { return false; }
};

// In a backfill the feature rows of so many batches are one commit: a commit costs four files for
// each table, whatever the number of its rows. It is a number and not a time, so that the same
// batches make the same files.
constexpr std::size_t kFeaturizedTogether = 16;

// Turns processed commits into feature tables on a thread of its own, while the next batch is read
// and judged. The catalog holds what is left to do; this only tells when to look. With one thread
// (see InOneThread) the caller of Wake does the work.
class FeatureWorker {
 public:
  static Result<std::unique_ptr<FeatureWorker>> Start(Workspace& workspace, bool backfill) {
    std::unique_ptr<FeatureWorker> worker(new FeatureWorker());
    WEIRHOUSE_TRY(worker->state_, PipelineState::Make(workspace, NoProgress()));
    worker->state_->defer_online = backfill;
    worker->together_ = backfill ? kFeaturizedTogether : 1;
    if (InOneThread::Here()) return worker;
    WEIRHOUSE_TRY(worker->thread_, StartThread([raw = worker.get()] { raw->Loop(); }));
    return worker;
  }
  ~FeatureWorker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // There is a new processed commit, of `rows` rows. Waits while more than LagMax of them are
  // unfinished.
  Status Wake(std::int64_t rows) {
    if (!thread_.joinable()) {
      ++asked_;
      rows_ += rows;
      return IsDue() ? RunHere(/*all=*/false) : status_;
    }
    std::unique_lock lock(mutex_);
    ++asked_;
    rows_ += rows;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !status_.ok() || asked_ - done_ <= LagMax(); });
    return status_;
  }
  // Waits until nothing is left, and adds what was done to `summary`.
  Status Drain(RunSummary& summary) {
    if (!thread_.joinable()) RunHere(/*all=*/true).Ignore("reported below, with what was done");
    std::unique_lock lock(mutex_);
    if (thread_.joinable()) {
      draining_ = true;
      ++asked_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !status_.ok() || done_ == asked_; });
      draining_ = false;
    }
    summary.commits += std::exchange(state_->summary.commits, 0);
    for (const auto& [table, rows] : state_->summary.rows_by_table) {
      summary.rows_by_table[table] += rows;
    }
    state_->summary.rows_by_table.clear();
    for (std::string& line : state_->summary.warnings) summary.warnings.push_back(std::move(line));
    state_->summary.warnings.clear();
    for (QuarantineReason& reason : state_->summary.quarantined)
      summary.quarantined.push_back(std::move(reason));
    state_->summary.quarantined.clear();
    return status_;
  }

 private:
  std::int64_t LagMax() const {
    return together_ == 1 ? 4 : 2 * static_cast<std::int64_t>(together_);
  }
  // Whether enough is waiting. With the mutex held, if there is a thread.
  bool IsDue() const {
    return done_ < asked_ && (draining_ || rows_ >= kRowsTogether ||
                              asked_ - done_ >= static_cast<std::int64_t>(together_));
  }

  Status RunHere(bool all) {
    rows_ = 0;
    if (status_.ok()) status_ = RunGuarded(all);
    done_ = asked_;
    return status_;
  }
  void Loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || (status_.ok() && IsDue()); });
      if (stopping_) return;
      const std::int64_t asked = asked_;
      const bool all = draining_;
      rows_ = 0;
      lock.unlock();
      const Status status = RunGuarded(all);
      lock.lock();
      done_ = asked;
      if (!status.ok()) status_ = status;
      changed_.notify_all();
    }
  }
  // Catches everything: the thread must not throw.
  Status RunGuarded(bool all) {
    try {
      return RunAll(all);
    } catch (...) {
      return StatusOfException();
    }
  }
  // Leaves fewer commits than make one of features, unless `all` are asked for.
  Status RunAll(bool all) {
    while (true) {
      WEIRHOUSE_TRY(const ToFeaturize next, NextToFeaturize(state_->workspace, together_));
      if (next.entries.empty() || (!all && !next.full)) return Status();
      // Both threads may add to the same quarantine table.
      WEIRHOUSE_TRY_STATUS(
          WithRetries(kWhileWritersWin, [&] { return FeaturizeBatches(*state_, next.entries); }));
    }
  }

  std::unique_ptr<PipelineState>
      state_;  // used by the thread, or by Drain while the thread is idle
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t together_ = 1;  // processed commits whose features are one commit
  std::int64_t asked_ = 0;
  std::int64_t done_ = 0;
  std::int64_t rows_ = 0;  // of processed commits since the last look
  bool draining_ = false;
  bool stopping_ = false;
  Status status_;
  std::thread thread_;
};

// The next step that runs SQL: a raw batch, or changed tables of other engines.
struct NextStep {
  std::optional<catalog::Catalog::CommitEntry> raw;
  std::optional<ExternalNews> news;
  Result<bool> Run(PipelineState& state) const {
    return raw ? ProcessBatch(state, *raw) : ProcessExternal(state, *news);
  }
};

// A run of very many batches maintains its tables after every so many, or each batch would meet
// more delete files than the one before.
constexpr std::int64_t kBatchesBetweenLooks = 16;

Status MaintainIfDue(PipelineState& state, FeatureWorker& features) {
  if (state.summary.batches % kBatchesBetweenLooks != 0) return Status();
  WEIRHOUSE_TRY(const bool due, IsMaintenanceDue(state.workspace));
  if (!due) return Status();
  WEIRHOUSE_TRY_STATUS(features.Drain(state.summary));
  return MaintainTables(state);
}

// Runs all that raw commits left to do, in their order, then changes of other engines. Stops at a
// halt.
Status RunBacklog(PipelineState& state, FeatureWorker& features) {
  const auto rows = [&] {
    std::int64_t sum = 0;
    for (const auto& [table, count] : state.summary.rows_by_table) sum += count;
    return sum;
  };
  while (!state.progress.Cancelled() && !state.summary.halted) {
    const std::int64_t rows_before = rows();
    NextStep next;
    WEIRHOUSE_TRY(next.raw, NextCommit(state.workspace, kProcessedConsumer, catalog::Layer::kRaw));
    if (!next.raw) {
      WEIRHOUSE_TRY(next.news, FindExternalNews(state.workspace));
    }
    if (!next.raw && !next.news) return Status();
    const Result<bool> published = WithRetries(kWhileWritersWin, [&] { return next.Run(state); });
    // The current batch is left to the next run.
    if (published.status().Is(platform::kSqlToldToStop) && state.progress.Cancelled())
      return Status();
    if (!published.ok()) return published.status();
    if (!*published) return Status();
    WEIRHOUSE_TRY_STATUS(features.Wake(rows() - rows_before));
    if (!next.raw) continue;
    ++state.summary.batches;
    WEIRHOUSE_TRY_STATUS(MaintainIfDue(state, features));
  }
  return Status();
}

// As RunBacklog. A raw object that is missing or damaged is not an error yet but goes to `stuck`:
// landed files are taken in all the same, and one of them may restore it.
Status RunUnlessStuck(PipelineState& state, FeatureWorker& features, Status& stuck) {
  stuck = RunBacklog(state, features);
  return landing::WantsItsFile(stuck) ? Status() : stuck;
}

// Takes in what landed and processes it batch by batch.
Status LandAndRun(PipelineState& state, FeatureWorker& features, const Waiting& waiting) {
  Status stuck;
  WEIRHOUSE_TRY_STATUS(RunUnlessStuck(state, features, stuck));
  const std::int64_t count = std::ssize(waiting.batches);
  std::int64_t done = 0;
  for (const WaitingBatch& batch : waiting.batches) {
    if (state.progress.Cancelled()) break;
    state.progress.Update("batches", done++, count);
    WEIRHOUSE_TRY(const bool restored, LandBatch(state.workspace, batch, state.summary));
    if (stuck.ok() || restored) WEIRHOUSE_TRY_STATUS(RunUnlessStuck(state, features, stuck));
  }
  state.progress.Update("batches", done, count);
  WEIRHOUSE_TRY(std::vector<TopicBacklog> topics, TopicBacklogs(state.workspace));
  while (!state.progress.Cancelled()) {
    WEIRHOUSE_TRY(const bool taken, LandTopics(state.workspace, topics, state.summary));
    if (!taken) break;
    if (stuck.ok()) WEIRHOUSE_TRY_STATUS(RunUnlessStuck(state, features, stuck));
  }
  return stuck;
}

// Rebuilds the tables as `wh apply` promised. If a raw object is missing or damaged, takes in what
// landed first, because a landed file may restore it; returns the summary of that.
Result<RunSummary> RunPromised(Workspace& workspace, Progress& progress) {
  RunSummary summary;
  WEIRHOUSE_TRY(const auto rebuild, catalog::setting::RebuildPending().In(workspace.catalog()));
  if (!rebuild.value_or(false)) return summary;
  const Status run = RunFull(workspace, progress).status();
  if (run.ok()) return summary;
  if (!landing::WantsItsFile(run)) return run;
  WEIRHOUSE_TRY(const bool restored, LandWaiting(workspace, summary, Take::kAll, progress));
  if (!restored) return run;
  WEIRHOUSE_TRY_STATUS(RunFull(workspace, progress).status());
  return summary;
}

// Nothing is left to do, so runs that an earlier process planned and did not publish never will be.
Status SettleAbandoned(Workspace& workspace, RunId newest, RunSummary& summary) {
  WEIRHOUSE_TRY(const std::vector<catalog::Run> runs, GiveUpRuns(workspace, newest));
  for (const catalog::Run& run : runs) {
    summary.warnings.push_back(fmt::format(
        "gave up run {} ({} {}): its process has ended, and none of its work is left to do; "
        "`wh gc` removes the files it left",
        ToString(run.id), catalog::ShownName(run.plan.kind), run.plan.name));
  }
  return Status();
}

// Reports a halt of an earlier call that is not decided yet.
Status RecallHalt(PipelineState& state) {
  WEIRHOUSE_TRY(const std::optional<catalog::Run> halted, HaltedRun(state.workspace));
  if (!halted) return Status();
  state.summary.halted = halted->id;
  WEIRHOUSE_TRY(const HaltedBatch batch, LoadHalted(state.workspace, halted->id));
  state.summary.halted_message = batch.message;
  return Status();
}
}  // namespace

Progress& NoProgress() {
  static SilentProgress progress;
  return progress;
}

Result<std::optional<catalog::Catalog::CommitEntry>> NextCommit(Workspace& workspace,
                                                                std::string_view consumer,
                                                                catalog::Layer layer) {
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset,
                workspace.catalog().OffsetOf(std::string(consumer)));
  return workspace.catalog().NextCommit(layer, CommitSeq(offset.position));
}

Result<std::optional<catalog::Run>> HaltedRun(Workspace& workspace) {
  catalog::RunFilter filter;
  filter.state = catalog::RunState::kHalted;
  filter.limit = 1;
  WEIRHOUSE_TRY(std::vector<catalog::Run> runs, workspace.catalog().Runs(filter));
  if (runs.empty()) return std::optional<catalog::Run>();
  return std::optional<catalog::Run>(std::move(runs.front()));
}

Result<std::unique_ptr<PipelineState>> PipelineState::Make(Workspace& workspace,
                                                           Progress& progress) {
  auto state = std::make_unique<PipelineState>(workspace, progress);
  WEIRHOUSE_TRY(state->session, workspace.sql().Connect());
  for (const Seed& seed : workspace.project().seeds) {
    WEIRHOUSE_TRY_STATUS(state->session->Register("ref." + seed.name, seed.rows));
  }
  return state;
}

namespace {
// `looks`: null to list everything.
Result<RunSummary> RunWhatWaits(Workspace& workspace, Progress& progress,
                                landing::LandingLooks* looks) {
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  WEIRHOUSE_TRY(RunSummary promised, RunPromised(workspace, progress));
  WEIRHOUSE_TRY_STATUS(RefreshCaches(workspace));
  WEIRHOUSE_TRY(const RunId newest_before, NewestRun(workspace));
  WEIRHOUSE_TRY(const std::unique_ptr<PipelineState> state,
                PipelineState::Make(workspace, progress));
  state->summary = std::move(promised);
  WEIRHOUSE_TRY_STATUS(RecallHalt(*state));
  WEIRHOUSE_TRY_STATUS(FillViewsBehind(workspace, *state->session, progress));
  WEIRHOUSE_TRY(const Waiting waiting,
                looks == nullptr ? TidyLanding(workspace) : TidyLanding(workspace, *looks));
  const bool backfill = waiting.batches.size() > kBackfillBatches;
  WEIRHOUSE_TRY(const std::unique_ptr<FeatureWorker> features,
                FeatureWorker::Start(workspace, backfill));
  state->summary.unmatched_files = waiting.unmatched;
  state->summary.untaken_files.insert(waiting.untaken.begin(), waiting.untaken.end());
  WEIRHOUSE_TRY_STATUS(LandAndRun(*state, *features, waiting));
  WEIRHOUSE_TRY_STATUS(features->Drain(state->summary));
  if (!state->summary.halted && !progress.Cancelled()) WEIRHOUSE_TRY_STATUS(WatchFeeds(*state));
  WEIRHOUSE_TRY_STATUS(MaintainTables(*state));
  if (!state->summary.halted && !progress.Cancelled())
    WEIRHOUSE_TRY_STATUS(SettleAbandoned(workspace, newest_before, state->summary));
  if (backfill) WEIRHOUSE_TRY_STATUS(RefreshCaches(workspace));
  WEIRHOUSE_TRY_STATUS(workspace.kv().Flush());
  RememberCatalog(workspace.local_store(), workspace.state_folder(), workspace.catalog());
  return std::move(state->summary);
}
}  // namespace

Result<RunSummary> RunPending(Workspace& workspace, Progress& progress) {
  return RunWhatWaits(workspace, progress, nullptr);
}

Result<RunSummary> RunArrived(Workspace& workspace, Progress& progress,
                              landing::LandingLooks& looks) {
  return RunWhatWaits(workspace, progress, &looks);
}
}  // namespace weirhouse::work
