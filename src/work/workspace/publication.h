// One run's publication: what it staged, made durable once, then committed in one transaction.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Step identity and idempotency key (architecture §1): equal inputs, code and engine give equal
// identities.
struct StepInputs {
  catalog::RunKind kind = catalog::RunKind::kInit;
  std::string name;
  std::vector<std::string> code;  // digests of the definitions it executes
  nlohmann::json inputs;          // snapshots, offsets, object digests
  nlohmann::json parameters;
  std::vector<std::string> tables;  // that it will publish
  std::int64_t record_ids_wanted = 0;
};
catalog::RunPlan PlanOf(const StepInputs& step);
// Versions of everything that computes: the product, DuckDB, Arrow.
std::string EngineVersion();

// Collects the effects of one run and publishes them: files first, the transaction last, an outcome
// that nobody saw looked up. The one road to Catalog::Commit of whatever has a workspace.
// Threads: one.
class Publication {
 public:
  Publication(Workspace& workspace, const catalog::Run& run, catalog::Layer layer,
              std::string batch);
  // Of a run that is planned in the commit itself, and so has no number before: one transaction. For
  // what stages no files under its run's name.
  Publication(Workspace& workspace, const catalog::RunPlan& plan, catalog::Layer layer,
              std::string batch);
  // The same of a plan that follows from what is collected: PlanAs comes before Commit.
  Publication(Workspace& workspace, catalog::Layer layer);
  // Removes the files of AddOwnFiles, unless they were committed or may have been.
  ~Publication();
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  void PlanAs(catalog::RunPlan plan);
  // Options for a iceberg::StagedWrite of this run on `ref`.
  iceberg::StageOptions StageAs(const std::string& ref = "main") const;
  // Adds a finished write (a no-op write adds nothing). Its files stay where the commit is refused:
  // the next attempt of the run has other ones, and the sweep finds these.
  void Add(const iceberg::StagedTable& staged);
  // Files that we wrote for a caller who may be refused, and no one else names until the commit.
  void AddOwnFiles(const std::vector<catalog::FileRecord>& files);
  // Files that somebody else wrote, and fsynced or not.
  void AddFiles(const std::vector<catalog::FileRecord>& files);
  catalog::CommitRequest& request() { return request_; }
  const catalog::Run& run() const { return run_; }
  bool has_tables() const { return !request_.tables.empty(); }

  // Rows that the writes added to `table` gained in `ref`.
  std::int64_t RowsAddedTo(const std::string& table, const std::string& ref = "main") const;

  // fsyncs every file that was added, then commits, with the "weirhouse.run.finished" event where a
  // notify rule wants it of a run that was planned before; settles an unknown outcome by the key.
  // What follows the commit (caches, events) is the caller's.
  //   kUnavailable kOutcomeUnknown  still unknown: nothing is removed
  Result<catalog::CommitAnswer> Commit();

 private:
  Workspace& workspace_;
  catalog::Run run_;
  catalog::CommitRequest request_;
  std::vector<std::string> paths_to_sync_;
  std::vector<std::string> own_;  // removed unless keep_own_
  bool keep_own_ = false;
};

// The "weirhouse.table.committed" event of a table that moved; `batch` where the run is not called
// after it.
catalog::OutboxEvent TableCommitted(const std::string& table, const catalog::Run& run,
                                    std::int64_t rows, std::string_view batch = "");
}  // namespace weirhouse::work
