// What a run refused, told where people look: objects refused whole, reasons of quarantine,
// declared fields that no record has.
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

// Adds what `batch` refused to the summary. After the commit that made it so. `places`: where the
// first record of a reason stands.
void NoteRefusals(const SourcesOfBatch& sources, const WorkOfBatch& work,
                  const QuarantinePlaces& places, const std::string& batch, RunSummary& summary);
// "2 of 2 records of s in quarantine: WH1202 … (2)", or empty: why a gate may have found little.
std::string QuarantineStory(const SourcesOfBatch& sources, const WorkOfBatch& work);
// Adds a warning for each declared field that no record of the batch has while an undeclared one is
// nearly called so, and keeps it for `status` until a batch of the source is without.
Status NoteAbsentFields(Workspace& workspace, const SourcesOfBatch& sources,
                        const std::string& batch, catalog::CommitRequest& request,
                        std::vector<std::string>& warnings);
// "processed.total stays as it is in r5 (2024-01-01): …"; `where` " in r5 (…)" or empty.
std::string StandsAsItWas(const std::string& table, const std::string& where, const Status& why);
// What was refused, a line each: objects as a whole, whole batches, reasons of quarantine. For
// people; names as they came.
std::vector<std::string> RefusalLines(const RunSummary& summary);
// Says which tables stay as they are, and why, until they follow again.
Status NoteStanding(Workspace& workspace, const WorkOfBatch& work,
                    const std::map<std::string, Status>& standing, catalog::CommitRequest& request);
}  // namespace weirhouse::work
