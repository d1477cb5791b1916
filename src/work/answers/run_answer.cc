#include "work/answers/run_answer.h"

#include <nlohmann/json.hpp>

namespace weirhouse::answers {
using nlohmann::json;

Result<RunsAnswer> ListRuns(work::Workspace& workspace, std::int64_t limit) {
  catalog::RunFilter filter;
  filter.limit = limit;
  RunsAnswer answer;
  WEIRHOUSE_TRY(answer.runs, workspace.catalog().Runs(filter));
  return answer;
}

json ToJson(const RunsAnswer& answer) {
  json list = json::array();
  for (const catalog::Run& run : answer.runs) {
    list.push_back({{"run", ToString(run.id)},
                    {"kind", catalog::ShownName(run.plan.kind)},
                    {"name", run.plan.name},
                    {"state", catalog::RunStateName(run.state)},
                    {"attempt", run.attempt},
                    {"planned_at", FormatTime(run.planned_at)},
                    {"finished_at", run.finished_at ? json(FormatTime(*run.finished_at)) : json()},
                    {"commit", run.seq ? json(run.seq->value()) : json()},
                    {"error", run.error}});
  }
  return {{"runs", std::move(list)}};
}

Result<std::vector<CommittedRun>> CommittedSince(catalog::Catalog& catalog, CommitSeq after,
                                                 std::int64_t limit) {
  std::vector<CommittedRun> committed;
  WEIRHOUSE_TRY(auto entries, catalog.Commits(after, limit));
  CommitSeq before = after;
  for (catalog::Catalog::CommitEntry& entry : entries) {
    auto run = catalog.GetRun(entry.run);
    Status problem = run.status();
    if (problem.ok() && entry.seq.value() != before.value() + 1) {
      problem = Status(Code::kCorruption, fmt::format("commits are missing between {} and {}",
                                                      before.value(), entry.seq.value()))
                    .WithError("WH7008")
                    .WithHint("`wh verify` names the first entry that does not fit");
    }
    if (!problem.ok()) {
      if (committed.empty()) return problem;
      break;  // the commits before it are returned; the next call reports the problem
    }
    before = entry.seq;
    committed.push_back({std::move(entry), std::move(run).value()});
  }
  return committed;
}

json ToJson(const CommittedRun& committed) {
  const catalog::Catalog::CommitEntry& entry = committed.entry;
  return {{"commit", entry.seq.value()},
          {"run", ToString(entry.run)},
          {"kind", catalog::ShownName(committed.run.plan.kind)},
          {"name", committed.run.plan.name},
          {"layer", entry.layer},
          {"batch", entry.batch},
          {"state", catalog::RunStateName(entry.state)},
          {"committed_at", FormatTime(entry.committed_at)}};
}
}  // namespace weirhouse::answers
