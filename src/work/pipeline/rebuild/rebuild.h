// What the processed tables are, computed from raw alone: the one way of `wh run --full` and of
// `wh verify --rebuild`.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"
#include "work/records/batch_records.h"

namespace weirhouse::work {

struct RebuildScope {
  CommitSeq consumed;    // raw commits that the increments have taken in
  CommitSeq external;    // tables of other engines are read as of this commit
  ProcessTime run_time;  // of run_time()
  // Only these tables and what they read; empty = all.
  std::set<std::string> tables;
  // Tables of mode full that may stay as they are where their SQL fails and no one record is to
  // blame. Of others that is an error.
  std::set<std::string> may_stand{};
};
std::set<std::string> TablesOfModeFull(const ProjectDefinition& project);

// Memory: the records and rows of all tables in scope.
struct Rebuilt {
  std::map<std::string, SourceRecords> sources;
  // Valid records of each source that a person left out.
  std::map<std::string, std::int64_t> excluded;
  std::vector<std::unique_ptr<TableWork>> work;  // whole tables, in the order of the transforms
  std::map<std::string, Status> standing;        // those that stay as they are, and why

  // A record is counted once: by the first table that its source drives.
  bool CountsRecords(const TableWork& work) const;
  // The rows of a table, or of a history, that was rebuilt; null if it was not.
  Result<std::shared_ptr<arrow::Table>> RowsOf(RowCache& tables, const std::string& table) const;
};

// Reads all records that count, without batches that a person left out, and runs the SQL of every
// table in scope over them. Nothing is written. Counts no attempts: what was read once is read
// again.
Result<std::unique_ptr<Rebuilt>> Rebuild(PipelineState& state, const RebuildScope& scope);
}  // namespace weirhouse::work
