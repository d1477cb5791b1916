// doctor: the machine and the project's state, each finding with its remedy.
#include <unistd.h>

#include "app/command/daemon_link.h"
#include "app/command/verbs.h"
#include "work/answers/project/doctor_answer.h"
#include "work/upkeep/relocation.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

bool DaemonListens(const std::string& root) {
  const int file = ConnectToDaemon(root);
  if (file >= 0) close(file);
  return file >= 0;
}

// Makes the project at home where it is now, if its folder was moved.
Result<work::RelocationReport> MoveIn(Context& context) {
  WEIRHOUSE_TRY(const std::string root, context.Root());
  WEIRHOUSE_TRY(const work::ProjectFiles files,
                work::LoadProjectFiles(root, context.invocation().profile));
  return work::Relocate(files);
}
}  // namespace

Result<int> RunDoctor(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t port, context.IntOption("port", 8642, 1, 65'535));
  answers::DoctorAnswer answer;
  if (context.invocation().Has("relocate") && context.invocation().dry_run) {
    return Status(
               Code::kInvalidInput,
               "`wh doctor --relocate` cannot say beforehand what it would do: it has no --dry-run")
        .WithError("WH8033")
        .WithHint(
            "without --dry-run it acts; `wh doctor` alone says where the project thinks it is");
  }
  if (context.invocation().Has("relocate")) {
    WEIRHOUSE_TRY(const work::RelocationReport report, MoveIn(context));
    answers::NotePlace(report, answer);
  }
  const auto root = context.Root();
  const std::string folder = root.ok() ? *root : context.invocation().cwd;
  answers::CheckMachine({folder, folder + "/.weirhouse", static_cast<std::uint16_t>(port),
                         root.ok() && DaemonListens(*root)},
                        answer);
  if (root.ok()) {
    const auto project = context.Project();
    answers::CheckProject(project, context.Reading(), answer);
  } else {
    answers::NoteNoProject(root.status(), answer);
  }
  answers::NoteVersions(answer);
  Listing listing("checks", {"check", "state", "found", "remedy"});
  for (const answers::CheckRow& row : answer.checks) {
    listing.Add({row.check, row.state, row.found, row.remedy.empty() ? json() : json(row.remedy)});
  }
  context.Print(listing, answers::ToJson(answer));
  return answer.failed ? ExitCode(*answer.failed) : kExitOk;
}
}  // namespace weirhouse::command
