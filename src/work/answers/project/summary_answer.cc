#include "work/answers/project/summary_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "rules/gate/judge/judge.h"
#include "work/answers/status_answer.h"

namespace weirhouse::answers {
using nlohmann::json;

json SummaryJson(const work::RunSummary& summary, bool interrupted) {
  json document = {{"objects", summary.objects},
                   {"duplicate_objects", summary.duplicate_objects},
                   {"records", summary.records},
                   {"states", summary.states},
                   {"rows_by_table", summary.rows_by_table},
                   {"gates", summary.gates},
                   {"warnings", summary.warnings},
                   {"batches", summary.batches},
                   {"commits", summary.commits},
                   {"unmatched_files", summary.unmatched_files},
                   {"untaken_files", summary.untaken_files},
                   {"refused_objects", summary.refused_objects},
                   {"refused", json::array()},
                   {"refused_batches", json::array()},
                   {"quarantined", json::array()},
                   {"overdue", ToJson(summary.overdue)},
                   {"interrupted", interrupted},
                   {"halted", nullptr}};
  for (const work::RefusedObject& refused : summary.refused) {
    document["refused"].push_back({{"object", refused.object},
                                   {"reason", refused.reason},
                                   {"found", refused.found},
                                   {"records", refused.records}});
  }
  for (const work::RefusedBatch& refused : summary.refused_batches) {
    document["refused_batches"].push_back(
        {{"batch", refused.batch}, {"source", refused.source}, {"records", refused.records}});
  }
  for (const work::QuarantineReason& reason : summary.quarantined) {
    document["quarantined"].push_back({{"source", reason.source},
                                       {"reason", reason.reason},
                                       {"records", reason.records},
                                       {"first", reason.first},
                                       {"found", reason.found}});
  }
  if (summary.halted) {
    document["halted"] = {{"run", ToString(*summary.halted)}, {"message", summary.halted_message}};
  }
  return document;
}

std::vector<std::string> HaltedTables(work::Workspace& workspace, RunId run) {
  const auto verdicts = workspace.catalog().Verdicts({std::nullopt, run, 1000});
  std::vector<std::string> tables;
  if (!verdicts.ok()) return tables;
  for (const catalog::VerdictRecord& verdict : *verdicts) {
    if (gate::Publishes(verdict.state)) continue;
    const auto last = workspace.catalog().LastSeq();
    const auto snapshot = last.ok() ? workspace.catalog().SnapshotAsOf(verdict.table, *last)
                                    : Result<std::optional<catalog::SnapshotRecord>>(last.status());
    const bool exists = snapshot.ok() && snapshot->has_value();
    tables.push_back(exists ? fmt::format("{}@{}", verdict.table, (*snapshot)->seq.value())
                            : verdict.table);
  }
  return tables;
}
}  // namespace weirhouse::answers
