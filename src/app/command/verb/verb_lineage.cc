// trace, reproduce, verify.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/check_answer.h"
#include "work/answers/trace_answer.h"
#include "work/lineage/lineage.h"
#include "work/training/modeling.h"

namespace weirhouse::command {
using nlohmann::json;

Result<int> RunTrace(Context& context) {
  lineage::TraceOptions options;
  options.all_records = context.invocation().Has("records");
  options.feature = context.invocation().Option("feature");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::TraceAnswer answer,
                answers::ReadTrace(*workspace, context.invocation().Word(0), options));
  if (!context.wants_json()) context.streams().Out(lineage::ToText(answer.root));
  context.Answer(answers::ToJson(answer));
  return answer.intact() ? kExitOk : kExitDiffers;
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
  for (const auto& [what, digest] : reproduction.digests)
    context.Line(fmt::format("{}  {}", EscapeControl(digest), EscapeControl(what)));
  for (const work::Difference& difference : reproduction.differences) {
    context.Line(fmt::format("differs: {}: recorded {}, found {}", EscapeControl(difference.what),
                             EscapeControl(difference.recorded), EscapeControl(difference.found)));
  }
  for (const std::string& line : reproduction.unproven)
    context.Line(fmt::format("not proven: {}", EscapeControl(line)));
  const char* verdict = !reproduction.differences.empty() ? "DIFFERS"
                        : reproduction.same               ? "same"
                                                          : "same bytes, NOT PROVEN";
  context.Line(fmt::format("{}  {}", EscapeControl(reproduction.id), verdict));
  context.Answer(answers::ToJson(reproduction));
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
  WEIRHOUSE_TRY(const answers::VerifyAnswer answer,
                answers::ReadVerify(*workspace, deep, [&](std::int64_t done, std::int64_t total) {
                  context.progress().Update("verify", done, total);
                }));
  const lineage::VerifyReport& report = answer.report;
  context.Line(fmt::format("{} objects, {} files, {} bytes{}, {} commits: {} problem{}",
                           WithThousands(report.objects), WithThousands(report.files),
                           WithThousands(report.bytes), deep ? " hashed again" : "",
                           WithThousands(report.commits), report.problems.size(),
                           report.problems.size() == 1 ? "" : "s"));
  for (const std::string& problem : report.problems) context.Line("  " + EscapeControl(problem));
  if (report.orphans > 0) {
    context.Line(
        fmt::format("{} file{} of {} bytes that no commit names: left by work that was cut "
                    "short, {}",
                    WithThousands(report.orphans), report.orphans == 1 ? "" : "s",
                    WithThousands(report.orphan_bytes),
                    answer.other_lives.empty() ? "harmless" : "or by commits of another catalog"));
  }
  for (const std::string& life : answer.other_lives) context.Line("note: " + life);
  context.Answer(answers::ToJson(answer));
  return answer.same() ? kExitOk : kExitDiffers;
}
}  // namespace weirhouse::command
