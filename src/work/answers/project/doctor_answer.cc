#include "work/answers/project/doctor_answer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/process/child.h"
#include "ground/platform/sql/sql.h"
#include "rules/model/train.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

constexpr double kSlowFsyncSeconds = 0.020;
constexpr std::int64_t kDiskFullBytes = 256LL << 20;
constexpr std::int64_t kDiskLowBytes = 4LL << 30;
// A clock that was never set stands near 1970 or at the time the system was built.
constexpr std::int64_t kPlausibleUs = 1'735'689'600LL * 1'000'000;  // 2025-01-01

// `code`: of the answer, where this is the first check that fails.
void AddCheck(DoctorAnswer& answer, std::string_view check, std::string_view state,
              std::string found, std::string remedy = "", Code code = Code::kUnavailable) {
  answer.checks.push_back(
      {std::string(check), std::string(state), std::move(found), std::move(remedy)});
  if (state == "fail" && !answer.failed) answer.failed = code;
}

void CheckClock(DoctorAnswer& answer) {
  const std::int64_t now = Micros(SystemClock().Now());
  if (now < kPlausibleUs) {
    AddCheck(answer, "clock", "fail", FormatTime(now),
             "set the clock; arrival times and tokens need it");
  } else {
    AddCheck(answer, "clock", "ok", FormatTime(now / 1'000'000 * 1'000'000));
  }
}

void CheckDisk(DoctorAnswer& answer, const std::string& folder) {
  struct statvfs space{};
  if (statvfs(folder.c_str(), &space) != 0) {
    AddCheck(answer, "disk", "fail", "cannot be read: " + folder, "check the folder's permissions");
    return;
  }
  const auto free_bytes = static_cast<std::int64_t>(space.f_bavail * space.f_frsize);
  const std::string text =
      fmt::format("{:.1f} GiB free", static_cast<double>(free_bytes) / (1 << 30));
  if (free_bytes < kDiskFullBytes) {
    AddCheck(answer, "disk", "fail", text, "free some space: writes will fail");
  } else {
    AddCheck(answer, "disk", free_bytes < kDiskLowBytes ? "warn" : "ok", text,
             free_bytes < kDiskLowBytes ? "free some space soon" : "");
  }
  if (access(folder.c_str(), W_OK) != 0) {
    AddCheck(answer, "permissions", "fail", "not writable: " + folder,
             "give the user that runs `wh` the right to write there");
  } else {
    AddCheck(answer, "permissions", "ok", "writable");
  }
}

void CheckFsync(DoctorAnswer& answer, const std::string& folder) {
  const auto seconds = platform::MeasureFsyncSeconds(folder);
  if (!seconds.ok()) {
    AddCheck(answer, "fsync", "fail", seconds.status().message(), seconds.status().hint());
    return;
  }
  const bool slow = *seconds > kSlowFsyncSeconds;
  AddCheck(answer, "fsync", slow ? "warn" : "ok", fmt::format("p50 {:.2f} ms", *seconds * 1e3),
           slow ? "each batch waits for a few of them: use a faster disk" : "");
}

void CheckPort(DoctorAnswer& answer, std::uint16_t port, bool daemon_listens) {
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
    AddCheck(answer, "port", "ok", fmt::format("{} is free", port));
  } else if (daemon_listens) {
    AddCheck(answer, "port", "ok",
             fmt::format("{} is in use, and a daemon serves this project", port));
  } else {
    AddCheck(answer, "port", "warn", fmt::format("{} is in use", port),
             "wh serve --port N takes another one");
  }
}

void CheckPython(DoctorAnswer& answer, const std::string& folder) {
  const auto python = model::ResolvePython();
  if (!python.ok()) {
    AddCheck(answer, "python", "warn", python.status().message(),
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
    AddCheck(answer, "python", "ok", fmt::format("{} ({})", printed, *python));
  } else {
    AddCheck(answer, "python", "warn", printed.empty() ? *python : printed,
             "needed for models only: install the package weirhouse for the interpreter that "
             "WEIRHOUSE_PYTHON names");
  }
}

void CheckLeftovers(DoctorAnswer& answer, const std::string& state) {
  const auto entries = platform::ListFolder(state + "/tmp");
  const std::size_t count = entries.ok() ? entries->size() : 0;
  AddCheck(answer, "temporary files", count == 0 ? "ok" : "warn",
           fmt::format("{} in .weirhouse/tmp", count),
           count == 0 ? "" : "left by a crash or in use now; may be removed while nothing runs");
}

void AddStatus(DoctorAnswer& answer, std::string_view check, const Status& status,
               std::string found) {
  if (status.ok()) {
    AddCheck(answer, check, "ok", std::move(found));
  } else {
    AddCheck(answer, check, "fail", status.message(), status.hint(), status.code());
  }
}

// Errors of files, the first by its place; `wh validate` has all.
void AddFiles(DoctorAnswer& answer, const Status& status) {
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
  AddCheck(answer, "project", "fail", std::move(found),
           remedy + "mend the files: `wh validate` shows each error at its place", status.code());
}

void CheckCatalog(work::Workspace& workspace, DoctorAnswer& answer) {
  catalog::Catalog& catalog = workspace.catalog();
  const auto last = catalog.LastSeq();
  AddStatus(answer, "catalog", last.status(),
            last.ok() ? fmt::format("{}, {} commits", catalog.place(), WithThousands(last->value()))
                      : "");
  const std::vector<std::string>& lives = workspace.other_lives();
  if (!lives.empty()) {
    AddCheck(answer, "catalog's past", "warn", lives.back(),
             "landed files of then that are still there can be taken in again");
  }
  AddStatus(answer, "chain", catalog.VerifyChain(), "every commit fits the one before");
  const bool online = workspace.local_store().Stat(workspace.state_folder() + "/kv/CURRENT").ok();
  AddCheck(answer, "online store", "ok", online ? "opened" : "not made yet: the first run does");
  const auto events = catalog.EventCounts();
  std::int64_t dead = 0;
  if (events.ok()) {
    for (const auto& [state, count] : *events) dead += state == "dead" ? count : 0;
  }
  AddCheck(answer, "events", dead == 0 ? "ok" : "warn", fmt::format("{} undelivered", dead),
           dead == 0 ? "" : "a command failed 5 times: see .weirhouse/notify.log");
  CheckLeftovers(answer, workspace.state_folder());
}
}  // namespace

json ToJson(const DoctorAnswer& answer) {
  json list = json::array();
  for (const CheckRow& row : answer.checks) {
    list.push_back({{"check", row.check},
                    {"state", row.state},
                    {"found", row.found},
                    {"remedy", row.remedy.empty() ? json() : json(row.remedy)}});
  }
  return {{"checks", std::move(list)}};
}

void CheckMachine(const MachineAsked& asked, DoctorAnswer& answer) {
  const bool has_state = platform::LocalStore().Stat(asked.state_folder).ok();
  const std::string& folder = has_state ? asked.state_folder : asked.folder;
  CheckClock(answer);
  CheckDisk(answer, folder);
  CheckFsync(answer, folder);
  CheckPort(answer, asked.port, asked.daemon_listens);
  CheckPython(answer, asked.folder);
}

void CheckProject(const Result<std::shared_ptr<const work::ProjectDefinition>>& project,
                  const Result<work::Workspace*>& workspace, DoctorAnswer& answer) {
  if (project.ok()) {
    AddCheck(answer, "project", "ok",
             fmt::format("{}, profile {}", (*project)->name, (*project)->profile.name));
  } else {
    AddFiles(answer, project.status());
  }
  if (workspace.ok()) return CheckCatalog(**workspace, answer);
  if (!project.ok()) return;  // told above
  AddStatus(answer, "state", workspace.status(), "");
}

void NoteNoProject(const Status& status, DoctorAnswer& answer) {
  AddCheck(answer, "project", "warn", status.message(), status.hint());
}

void NotePlace(const work::RelocationReport& report, DoctorAnswer& answer) {
  if (!report.moved) {
    AddCheck(answer, "place", "ok", "the project is where its catalog says: nothing was relocated");
    return;
  }
  AddCheck(answer, "place", "ok",
           fmt::format("relocated from {} to {} in commit {}: {} tables, {} files of metadata "
                       "written anew, {} landed files known",
                       report.from, report.to, report.seq.value(), report.tables,
                       report.files_written, report.landed_known));
}

void NoteVersions(DoctorAnswer& answer) {
  AddCheck(answer, "versions", "ok",
           fmt::format("weirhouse 0.1.0, DuckDB {}", platform::SqlEngineVersion()));
}

void CheckServed(work::Workspace& served, DoctorAnswer& answer) {
  using Files = Result<std::shared_ptr<const work::ProjectDefinition>>;
  const work::ProjectDefinition& project = served.project();
  const auto loaded = work::LoadProjectFiles(project.root, project.profile.name);
  const Status problem = loaded.ok() ? loaded->refused : loaded.status();
  CheckProject(problem.ok() ? Files(loaded->project) : Files(problem), &served, answer);
}
}  // namespace weirhouse::answers
