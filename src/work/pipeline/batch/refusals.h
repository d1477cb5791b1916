// Reports what a run refused: objects refused as a whole, reasons of quarantine, declared fields
// that no record has.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/table_work.h"
#include "work/records/batch_records.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {

using SourcesOfBatch = std::map<std::string, SourceRecords>;
using WorkOfBatch = std::vector<std::unique_ptr<TableWork>>;

// Adds what `batch` refused to the summary. Call it after the commit. `places`: the place of the
// first record of each reason.
void NoteRefusals(const SourcesOfBatch& sources, const WorkOfBatch& work,
                  const QuarantinePlaces& places, const std::string& batch, RunSummary& summary);
// "2 of 2 records of s in quarantine: WH1202 … (2)", or empty: explains why a gate found few rows.
std::string QuarantineStory(const SourcesOfBatch& sources, const WorkOfBatch& work);
// Adds a warning for each declared field that no record of the batch has although an undeclared
// field has nearly its name, and keeps it for `status` until a batch of the source is without it.
Status NoteAbsentFields(Workspace& workspace, const SourcesOfBatch& sources,
                        const std::string& batch, catalog::CommitRequest& request,
                        std::vector<std::string>& warnings);
// "processed.total stays as it is in r5 (2024-01-01): …"; `where` " in r5 (…)" or empty.
std::string FormatKeptTable(const std::string& table, const std::string& where, const Status& why);
// What was refused, one line each: whole objects, whole batches, reasons of quarantine. For people;
// names are not escaped.
std::vector<std::string> RefusalLines(const RunSummary& summary);
// Records which tables keep their rows because their SQL fails, and why, until they can be updated
// again.
Status NoteStanding(Workspace& workspace, const WorkOfBatch& work,
                    const std::map<std::string, Status>& standing, catalog::CommitRequest& request);
}  // namespace weirhouse::work
