// `wh quarantine retry`: takes back an object that was quarantined as a whole.
#include "ground/base/writers/retry.h"

#include <fmt/format.h>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::work {
namespace {

Status CannotRetry(const catalog::ObjectRecord& object, std::string_view why, std::string hint) {
  return Status(Code::kInvalidInput,
                fmt::format("object cannot be taken back: {}: {} {}/{}", why, ToString(object.id),
                            object.source, EscapeControl(object.name)))
      .WithError("WH1309")
      .WithHint(std::move(hint));
}

// The set-aside objects of this name; there may be several with different contents.
Result<std::vector<catalog::ObjectRecord>> FindSetAside(Workspace& workspace,
                                                        const std::string& source,
                                                        const std::string& name) {
  catalog::ObjectFilter filter;
  filter.source = source;
  WEIRHOUSE_TRY(const auto objects, workspace.catalog().Objects(filter));
  std::vector<catalog::ObjectRecord> found;
  std::vector<std::string> names;
  const catalog::ObjectRecord* other = nullptr;
  for (const catalog::ObjectRecord& object : objects) {
    if (IsSetAside(object)) names.push_back(object.name);
    if (object.name != name) continue;
    other = &object;
    if (IsSetAside(object)) found.push_back(object);
  }
  if (!found.empty()) return found;
  if (other == nullptr) {
    return Status(Code::kNotFound,
                  fmt::format("no such object: \"{}/{}\"", source, EscapeControl(name)))
        .WithError("WH8037")
        .WithHint(DidYouMean(name, names));
  }
  if (other->state == catalog::ObjectState::kQuarantined) {
    return CannotRetry(
        *other, "its bytes cannot be cut into records",
        "correct the file and land it again; `wh quarantine list` tells what is wrong");
  }
  return CannotRetry(*other, "it is not in quarantine as a whole",
                     "`wh quarantine list` shows what is");
}

Result<Retry> RetryOf(Workspace& workspace, const catalog::ObjectRecord& object) {
  WEIRHOUSE_TRY(const auto entries,
                workspace.catalog().Commits(CommitSeq(object.seq.value() - 1), 1));
  WEIRHOUSE_CHECK(!entries.empty() && entries.front().seq == object.seq);
  return Retry{object, entries.front()};
}

// Reads `object` again and publishes it; false if a gate halted it.
Result<bool> RunRetry(PipelineState& state, const catalog::ObjectRecord& object) {
  WEIRHOUSE_TRY(const Retry retry, RetryOf(state.workspace, object));
  return WithRetries(kWhileWritersWin, [&] { return ProcessRetry(state, retry); });
}

void Add(const RunSummary& from, RunSummary& to) {
  to.objects += from.objects;
  to.duplicate_objects += from.duplicate_objects;
  to.records += from.records;
  for (const auto& [state, count] : from.states) to.states[state] += count;
  for (const auto& [table, rows] : from.rows_by_table) to.rows_by_table[table] += rows;
  for (const auto& [gate, verdicts] : from.gates) {
    for (const auto& [verdict, runs] : verdicts) to.gates[gate][verdict] += runs;
  }
  to.warnings.insert(to.warnings.end(), from.warnings.begin(), from.warnings.end());
  to.refused_objects += from.refused_objects;
  to.refused.insert(to.refused.end(), from.refused.begin(), from.refused.end());
  to.quarantined.insert(to.quarantined.end(), from.quarantined.begin(), from.quarantined.end());
  to.refused_batches.insert(to.refused_batches.end(), from.refused_batches.begin(),
                            from.refused_batches.end());
  to.batches += from.batches;
  to.commits += from.commits;
  to.unmatched_files = from.unmatched_files;
  to.untaken_files = from.untaken_files;
  to.halted = from.halted;
  to.halted_message = from.halted_message;
}
}  // namespace

Result<RunSummary> RetryObject(Workspace& workspace, const std::string& source,
                               const std::string& name, Progress& progress) {
  WEIRHOUSE_TRY(const auto objects, FindSetAside(workspace, source, name));
  WEIRHOUSE_TRY(RunSummary summary, RunPending(workspace, progress));
  if (summary.halted) {
    return Status(Code::kConflict, fmt::format("run {} waits for a decision about its gate",
                                               ToString(*summary.halted)))
        .WithError("WH3023")
        .WithHint("run `wh gate override` or `wh gate discard` first");
  }
  WEIRHOUSE_TRY(const std::set<CommitSeq> left_out, DiscardedCommits(workspace));
  WEIRHOUSE_TRY(const std::unique_ptr<PipelineState> state,
                PipelineState::Make(workspace, progress));
  for (const catalog::ObjectRecord& object : objects) {
    if (left_out.count(object.seq) != 0) {
      return CannotRetry(object, "a person discarded the batch that it came with",
                         "land it again under another name");
    }
    WEIRHOUSE_FAILPOINT("retry.before");
    WEIRHOUSE_TRY(const bool published, RunRetry(*state, object));
    WEIRHOUSE_FAILPOINT("retry.after");
    if (!published) break;
  }
  Add(state->summary, summary);
  WEIRHOUSE_TRY(const RunSummary rest, RunPending(workspace, progress));
  Add(rest, summary);
  return summary;
}
}  // namespace weirhouse::work
