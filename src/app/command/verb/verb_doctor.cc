// doctor: the machine and the project's state, each finding with its remedy. token new.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/command/daemon_link.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/process/child.h"
#include "rules/model/train.h"
#include "rules/policy/token.h"
#include "work/pipeline/pipeline.h"
#include "work/upkeep/relocation.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr double kSlowFsyncSeconds = 0.020;
constexpr std::int64_t kDiskFullBytes = 256LL << 20;
constexpr std::int64_t kDiskLowBytes = 4LL << 30;

class Findings {
 public:
  // `exit`: the verb's exit code if this is the first check that fails.
  void Add(std::string_view what, std::string_view state, std::string found,
           std::string remedy = "", int exit = kExitUnavailable) {
    listing_.Add({what, state, std::move(found), remedy.empty() ? json() : json(remedy)});
    if (state == "fail" && exit_ == kExitOk) exit_ = exit;
  }
  const Listing& listing() const { return listing_; }
  int exit() const { return exit_; }

 private:
  Listing listing_{"checks", {"check", "state", "found", "remedy"}};
  int exit_ = kExitOk;
};

void CheckClock(Findings& findings) {
  const std::int64_t now = Micros(SystemClock().Now());
  // A clock that was never set shows a time near 1970 or that of the system's build.
  constexpr std::int64_t kPlausibleUs = 1'735'689'600LL * 1'000'000;  // 2025-01-01
  if (now < kPlausibleUs) {
    findings.Add("clock", "fail", FormatTime(now),
                 "set the clock; arrival times and tokens need it");
  } else {
    findings.Add("clock", "ok", FormatTime(now / 1'000'000 * 1'000'000));
  }
}

void CheckDisk(Findings& findings, const std::string& folder) {
  struct statvfs space{};
  if (statvfs(folder.c_str(), &space) != 0) {
    findings.Add("disk", "fail", "cannot be read: " + folder, "check the folder's permissions");
    return;
  }
  const auto free_bytes = static_cast<std::int64_t>(space.f_bavail * space.f_frsize);
  const std::string text =
      fmt::format("{:.1f} GiB free", static_cast<double>(free_bytes) / (1 << 30));
  if (free_bytes < kDiskFullBytes) {
    findings.Add("disk", "fail", text, "free some space: writes will fail");
  } else {
    findings.Add("disk", free_bytes < kDiskLowBytes ? "warn" : "ok", text,
                 free_bytes < kDiskLowBytes ? "free some space soon" : "");
  }
  if (access(folder.c_str(), W_OK) != 0) {
    findings.Add("permissions", "fail", "not writable: " + folder,
                 "give the user that runs `wh` the right to write there");
  } else {
    findings.Add("permissions", "ok", "writable");
  }
}

void CheckFsync(Findings& findings, const std::string& folder) {
  const auto seconds = platform::MeasureFsyncSeconds(folder);
  if (!seconds.ok()) {
    findings.Add("fsync", "fail", seconds.status().message(), seconds.status().hint());
    return;
  }
  const bool slow = *seconds > kSlowFsyncSeconds;
  findings.Add("fsync", slow ? "warn" : "ok", fmt::format("p50 {:.2f} ms", *seconds * 1e3),
               slow ? "each batch waits for a few of them: use a faster disk" : "");
}

bool DaemonListens(const std::string& root) {
  const int file = ConnectToDaemon(root);
  if (file >= 0) close(file);
  return file >= 0;
}

void CheckPort(Findings& findings, std::uint16_t port, bool daemon) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool is_free =
      bind(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(file);
  if (is_free) {
    findings.Add("port", "ok", fmt::format("{} is free", port));
  } else if (daemon) {
    findings.Add("port", "ok", fmt::format("{} is in use, and a daemon serves this project", port));
  } else {
    findings.Add("port", "warn", fmt::format("{} is in use", port),
                 "wh serve --port N takes another one");
  }
}

void CheckPython(Findings& findings, const std::string& folder) {
  const auto python = model::ResolvePython();
  if (!python.ok()) {
    findings.Add("python", "warn", python.status().message(),
                 "needed for models only: set WEIRHOUSE_PYTHON");
    return;
  }
  platform::ChildCommand command;
  command.argv = {*python, "-c",
                  "import sys, pyarrow, weirhouse; print(sys.version.split()[0], 'pyarrow', "
                  "pyarrow.__version__)"};
  command.folder = folder;
  command.environment = platform::ChildEnvironment();
  command.limits.wall_time = std::chrono::seconds(20);
  std::string printed;
  command.on_line = [&](std::string_view line) { printed = line; };
  const auto exit = platform::RunChild(std::move(command));
  if (exit.ok() && exit->ok()) {
    findings.Add("python", "ok", fmt::format("{} ({})", printed, *python));
  } else {
    findings.Add("python", "warn", printed.empty() ? *python : printed,
                 "needed for models only: install the package weirhouse for the interpreter that "
                 "WEIRHOUSE_PYTHON names");
  }
}

void CheckLeftovers(Findings& findings, const std::string& state) {
  const auto entries = platform::ListFolder(state + "/tmp");
  const std::size_t count = entries.ok() ? entries->size() : 0;
  findings.Add(
      "temporary files", count == 0 ? "ok" : "warn", fmt::format("{} in .weirhouse/tmp", count),
      count == 0 ? "" : "left by a crash or in use now; may be removed while nothing runs");
}

void AddStatus(Findings& findings, std::string_view what, const Status& status, std::string found) {
  if (status.ok()) {
    findings.Add(what, "ok", std::move(found));
  } else {
    findings.Add(what, "fail", status.message(), status.hint(), ExitCode(status.code()));
  }
}

// Adds the errors of files: the first with its place; `wh validate` lists all.
void AddFiles(Findings& findings, const Status& status) {
  const SourceSpan* span = status.span() ? &*status.span() : nullptr;
  std::string found = status.message();
  for (const Diagnostic& diagnostic : status.diagnostics()) {
    if (span != nullptr || !diagnostic.span) continue;
    span = &*diagnostic.span;
    if (status.diagnostics().size() > 1) found += ", the first: " + diagnostic.message;
  }
  if (span != nullptr) found += fmt::format(" ({}:{})", span->path, span->line);
  std::string remedy = status.hint();
  if (!remedy.empty()) remedy += "; ";
  findings.Add("project", "fail", std::move(found),
               remedy + "correct the files: `wh validate` shows each error at its place",
               ExitCode(status.code()));
}

// The project's files, its catalog and its caches.
void CheckState(Context& context, Findings& findings) {
  const auto project = context.Project();
  if (project.ok()) {
    findings.Add("project", "ok",
                 fmt::format("{}, profile {}", (*project)->name, (*project)->profile.name));
  } else {
    AddFiles(findings, project.status());
  }
  const auto workspace = context.Reading();
  if (!workspace.ok()) {
    if (!project.ok()) return;  // reported above
    AddStatus(findings, "state", workspace.status(), "");
    return;
  }
  catalog::Catalog& catalog = (*workspace)->catalog();
  const auto last = catalog.LastSeq();
  AddStatus(findings, "catalog", last.status(),
            last.ok() ? fmt::format("{}, {} commits", catalog.place(), WithThousands(last->value()))
                      : "");
  const std::vector<std::string>& lives = (*workspace)->other_lives();
  if (!lives.empty()) {
    findings.Add("catalog's past", "warn", lives.back(),
                 "landed files of that time that still exist can be taken in again");
  }
  AddStatus(findings, "chain", catalog.VerifyChain(), "every commit fits the one before");
  const bool online =
      platform::LocalStore().Stat((*workspace)->state_folder() + "/kv/CURRENT").ok();
  findings.Add("online store", "ok", online ? "opened" : "not made yet; the first run makes it");
  const auto events = catalog.EventCounts();
  std::int64_t dead = 0;
  if (events.ok()) {
    for (const auto& [state, count] : *events) dead += state == "dead" ? count : 0;
  }
  findings.Add("events", dead == 0 ? "ok" : "warn", fmt::format("{} undelivered", dead),
               dead == 0 ? "" : "a command failed 5 times: see .weirhouse/notify.log");
  CheckLeftovers(findings, (*workspace)->state_folder());
}
// Relocates the project to the place where it is now, if its folder was moved.
Status RelocateProject(Context& context, Findings& findings) {
  WEIRHOUSE_TRY(const std::string root, context.Root());
  WEIRHOUSE_TRY(const work::ProjectFiles files,
                work::LoadProjectFiles(root, context.invocation().profile));
  WEIRHOUSE_TRY(const work::RelocationReport report, work::Relocate(files));
  if (!report.moved) {
    findings.Add("place", "ok", "the project is where its catalog says: nothing was relocated");
    return Status();
  }
  findings.Add("place", "ok",
               fmt::format("relocated from {} to {} in commit {}: {} tables, {} files of metadata "
                           "rewritten, {} landed files known",
                           report.from, report.to, report.seq.value(), report.tables,
                           report.files_written, report.landed_known));
  return Status();
}
}  // namespace

Result<int> RunDoctor(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t port, context.IntOption("port", 8642, 1, 65'535));
  Findings findings;
  if (context.invocation().Has("relocate") && context.invocation().dry_run) {
    return Status(Code::kInvalidInput,
                  "`wh doctor --relocate` has no --dry-run: it cannot tell beforehand what it "
                  "would do")
        .WithError("WH8033")
        .WithHint(
            "leave --dry-run out to relocate; `wh doctor` alone tells where the catalog places the "
            "project");
  }
  if (context.invocation().Has("relocate"))
    WEIRHOUSE_TRY_STATUS(RelocateProject(context, findings));
  const auto root = context.Root();
  const std::string folder = root.ok() ? *root : context.invocation().cwd;
  const std::string state = folder + "/.weirhouse";
  const bool has_state = platform::LocalStore().Stat(state).ok();
  CheckClock(findings);
  CheckDisk(findings, has_state ? state : folder);
  CheckFsync(findings, has_state ? state : folder);
  CheckPort(findings, static_cast<std::uint16_t>(port), root.ok() && DaemonListens(*root));
  CheckPython(findings, folder);
  if (root.ok()) {
    CheckState(context, findings);
  } else {
    findings.Add("project", "warn", root.status().message(), root.status().hint());
  }
  findings.Add("versions", "ok",
               fmt::format("weirhouse 0.1.0, DuckDB {}", platform::SqlEngineVersion()));
  context.Print(findings.listing());
  return findings.exit();
}

Result<int> RunTokenNew(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY(const std::string token,
                policy::ReplaceProjectToken(workspace->catalog(), context.invocation().user,
                                            workspace->random()));
  context.Line(
      fmt::format("token   {}     shown this once: export WEIRHOUSE_TOKEN={}", token, token));
  context.Answer({{"token", token}});
  return kExitOk;
}
}  // namespace weirhouse::command
