// Computes the processed tables from raw alone: the same code for `wh run --full` and `wh verify
// --rebuild`.
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
  CommitSeq consumed;    // raw commits up to this one, which the increments have processed
  CommitSeq external;    // tables of other engines are read as of this commit
  ProcessTime run_time;  // what run_time() returns
  // Only these tables and what they read; empty = all.
  std::set<std::string> tables;
  // Tables of mode full that may keep their rows if their SQL fails and no single record is to
  // blame. For other tables that is an error.
  std::set<std::string> may_stand{};
};
std::set<std::string> TablesOfModeFull(const ProjectDefinition& project);

// Memory: the records and rows of all tables in scope.
struct Rebuilt {
  std::map<std::string, SourceRecords> sources;
  // Valid records of each source in batches that a person discarded.
  std::map<std::string, std::int64_t> excluded;
  std::vector<std::unique_ptr<TableWork>> work;  // whole tables, in the order of the transforms
  std::map<std::string, Status> standing;        // tables that keep their rows, and why

  std::map<std::string, std::string> counted_by;  // source → the first table that it drives
  // Whether `work` counts records: each record is counted by the first table that its source
  // drives, whether or not that table is in scope.
  bool CountsRecords(const TableWork& work) const;
  // The rows of a rebuilt table or history; null if it was not rebuilt.
  Result<std::shared_ptr<arrow::Table>> RowsOf(RowCache& tables, const std::string& table) const;
};

// Reads all records that count, without discarded batches, and runs the SQL of every table in scope
// over them. Writes nothing. Counts no parse attempts, because everything was read before.
Result<std::unique_ptr<Rebuilt>> Rebuild(PipelineState& state, const RebuildScope& scope);
}  // namespace weirhouse::work
