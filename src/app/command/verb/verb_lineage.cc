// trace, reproduce, verify.
#include <fmt/format.h>

#include <algorithm>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/lineage/lineage.h"
#include "work/lineage/tracing.h"
#include "work/training/modeling.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

// A trace that reached bytes which are not what they were is a difference, whatever else it shows.
bool Intact(const lineage::TraceNode& node) {
  if (!node.intact) return false;
  return std::all_of(node.parents.begin(), node.parents.end(), Intact);
}
}  // namespace

Result<int> RunTrace(Context& context) {
  lineage::TraceOptions options;
  options.all_records = context.invocation().Has("records");
  options.feature = context.invocation().Option("feature");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const lineage::TraceNode node,
                work::Trace(*workspace, context.invocation().Word(0), options));
  if (!context.wants_json()) context.streams().Out(lineage::ToText(node));
  context.Answer({{"trace", lineage::ToJson(node)}, {"intact", Intact(node)}});
  return Intact(node) ? kExitOk : kExitDiffers;
}

Result<int> RunReproduce(Context& context) {
  const Invocation& invocation = context.invocation();
  WEIRHOUSE_TRY(const json overrides, context.Assignments(invocation.Options("param")));
  const std::optional<std::string> folder = invocation.Option("folder");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const work::Reproduction reproduction,
                work::Reproduce(*workspace, invocation.Word(0),
                                folder ? context.PathOf(*folder) : std::string(), overrides,
                                context.progress()));
  json digests = json::array();
  for (const auto& [what, digest] : reproduction.digests) {
    context.Line(fmt::format("{}  {}", EscapeControl(digest), EscapeControl(what)));
    digests.push_back({{"what", what}, {"digest", digest}});
  }
  json differences = json::array();
  for (const work::Difference& difference : reproduction.differences) {
    context.Line(fmt::format("differs: {}: recorded {}, found {}", EscapeControl(difference.what),
                             EscapeControl(difference.recorded), EscapeControl(difference.found)));
    differences.push_back({{"what", difference.what},
                           {"recorded", difference.recorded},
                           {"found", difference.found}});
  }
  for (const std::string& line : reproduction.unproven)
    context.Line(fmt::format("not proven: {}", EscapeControl(line)));
  const char* verdict = !reproduction.differences.empty() ? "DIFFERS"
                        : reproduction.same               ? "same"
                                                          : "same bytes, NOT PROVEN";
  context.Line(fmt::format("{}  {}", EscapeControl(reproduction.id), verdict));
  context.Answer({{"id", reproduction.id},
                  {"same", reproduction.same},
                  {"digests", std::move(digests)},
                  {"metrics", reproduction.metrics},
                  {"unproven", reproduction.unproven},
                  {"differences", std::move(differences)}});
  return reproduction.same ? kExitOk : kExitDiffers;
}

Result<int> RunVerify(Context& context) {
  if (context.invocation().Has("rebuild")) return VerifyRebuild(context);
  if (!context.invocation().Word(0).empty()) {
    return UsageError("only --rebuild takes a table",
                      fmt::format("`wh verify --rebuild {}`", context.invocation().Word(0)));
  }
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const bool deep = context.invocation().Has("deep");
  WEIRHOUSE_TRY(const lineage::VerifyReport report,
                lineage::Verify(workspace->catalog(), workspace->store(), deep,
                                [&](std::int64_t done, std::int64_t total) {
                                  context.progress().Update("verify", done, total);
                                }));
  context.Line(fmt::format("{} objects, {} files, {} bytes{}, {} commits: {} problem{}",
                           WithThousands(report.objects), WithThousands(report.files),
                           WithThousands(report.bytes), deep ? " hashed again" : "",
                           WithThousands(report.commits), report.problems.size(),
                           report.problems.size() == 1 ? "" : "s"));
  for (const std::string& problem : report.problems) context.Line("  " + EscapeControl(problem));
  if (report.orphans > 0) {
    context.Line(fmt::format(
        "{} file{} of {} bytes that no commit names: left by work that was cut "
        "short, {}",
        WithThousands(report.orphans), report.orphans == 1 ? "" : "s",
        WithThousands(report.orphan_bytes),
        workspace->other_lives().empty() ? "harmless" : "or by commits of another catalog"));
  }
  for (const std::string& life : workspace->other_lives()) context.Line("note: " + life);
  context.Answer({{"objects", report.objects},
                  {"files", report.files},
                  {"bytes", report.bytes},
                  {"commits", report.commits},
                  {"snapshots", report.snapshots},
                  {"deep", deep},
                  {"orphans", report.orphans},
                  {"orphan_bytes", report.orphan_bytes},
                  {"first_orphans", report.first_orphans},
                  {"other_lives", workspace->other_lives()},
                  {"problems", report.problems}});
  return report.problems.empty() ? kExitOk : kExitDiffers;
}
}  // namespace weirhouse::command
