// One run's publication: what it staged is made durable once, then committed in one transaction.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// What a step's identity and idempotency key are made of (ARCHITECTURE.md): equal inputs, code and
// engine give equal identities.
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

// Collects the effects of one run and publishes them: files first, the transaction last; an unknown
// outcome is looked up. Everything with a workspace commits through this. Threads: one.
class Publication {
 public:
  Publication(Workspace& workspace, const catalog::Run& run, catalog::Layer layer,
              std::string batch);
  // A run that the commit itself plans, and that has no number before: one transaction. For runs
  // that stage no files under their own name.
  Publication(Workspace& workspace, const catalog::RunPlan& plan, catalog::Layer layer,
              std::string batch);
  // The same if the plan depends on what is collected: call PlanAs before Commit.
  Publication(Workspace& workspace, catalog::Layer layer);
  // Removes the files of AddOwnFiles, unless they were committed or may have been.
  ~Publication();
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  void PlanAs(catalog::RunPlan plan);
  // Options for a iceberg::StagedWrite of this run on `ref`.
  iceberg::StageOptions StageAs(const std::string& ref = "main") const;
  // Adds a finished write (a write without changes adds nothing). If the commit is refused its
  // files stay: the next attempt of the run writes others, and the sweep removes these.
  void Add(const iceberg::StagedTable& staged);
  // Adds files that we wrote for a caller who may be refused, and that nothing else names before
  // the commit.
  void AddOwnFiles(const std::vector<catalog::FileRecord>& files);
  // Adds files that another program wrote, fsynced or not.
  void AddFiles(const std::vector<catalog::FileRecord>& files);
  catalog::CommitRequest& request() { return request_; }
  const catalog::Run& run() const { return run_; }
  bool has_tables() const { return !request_.tables.empty(); }

  // Rows that the staged writes added to `table` in `ref`.
  std::int64_t RowsAddedTo(const std::string& table, const std::string& ref = "main") const;

  // fsyncs every added file, then commits, with the "weirhouse.run.finished" event if a notify rule
  // wants it and the run was planned before; looks up an unknown outcome by the key. The caller
  // then updates caches and sends events.
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

// The "weirhouse.table.committed" event of a table that moved; pass `batch` if the run is not named
// after it.
catalog::OutboxEvent TableCommitted(const std::string& table, const catalog::Run& run,
                                    std::int64_t rows, std::string_view batch = "");
}  // namespace weirhouse::work
