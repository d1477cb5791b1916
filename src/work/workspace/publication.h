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
  std::string kind;
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

// Collects the effects of one run. Threads: one.
class Publication {
 public:
  Publication(Workspace& workspace, const catalog::Run& run, std::string layer, std::string batch);
  // Of a run that is planned in the commit itself, and so has no number before: one transaction. For
  // what stages no files.
  Publication(Workspace& workspace, const catalog::RunPlan& plan, std::string layer,
              std::string batch);

  // Options for a iceberg::StagedWrite of this run on `ref`.
  iceberg::StageOptions StageAs(const std::string& ref = "main") const;
  // Adds a finished write (a no-op write adds nothing).
  void Add(const iceberg::StagedTable& staged);
  catalog::CommitRequest& request() { return request_; }
  const catalog::Run& run() const { return run_; }
  bool has_tables() const { return !request_.tables.empty(); }

  // Rows that the writes added to `table` gained in `ref`.
  std::int64_t RowsAddedTo(const std::string& table, const std::string& ref = "main") const;

  // fsyncs every staged file, then commits, with the "weirhouse.run.finished" event where a notify
  // rule wants it. What follows the commit (caches, events) is the caller's.
  Result<catalog::CommitAnswer> Commit();

 private:
  Workspace& workspace_;
  catalog::Run run_;
  catalog::CommitRequest request_;
  std::vector<std::string> paths_to_sync_;
};

// The "weirhouse.table.committed" event of a table that moved; `batch` where the run is not called
// after it.
catalog::OutboxEvent TableCommitted(const std::string& table, const catalog::Run& run,
                                    std::int64_t rows, std::string_view batch = "");
}  // namespace weirhouse::work
