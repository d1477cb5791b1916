#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/text.h"
#include "engine/pipeline.h"
#include "model/child.h"

namespace weirhouse::engine {
namespace {
constexpr int kAttemptsMax = 5;
constexpr std::chrono::seconds kCommandTimeout{10};
constexpr std::int64_t kEventsAtOnce = 256;

// An anonymous file that holds `bytes`, read from its start: what the command finds as its input.
class InputFile {
 public:
  explicit InputFile(const std::string& bytes) : file_(memfd_create("event", MFD_CLOEXEC)) {
    std::size_t written = 0;
    while (file_ >= 0 && written < bytes.size()) {
      const ssize_t count = write(file_, bytes.data() + written, bytes.size() - written);
      if (count < 0) break;
      written += static_cast<std::size_t>(count);
    }
    complete_ = file_ >= 0 && written == bytes.size() && lseek(file_, 0, SEEK_SET) == 0;
  }
  ~InputFile() {
    if (file_ >= 0) close(file_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  bool complete() const { return complete_; }
  int file() const { return file_; }

 private:
  int file_;
  bool complete_ = false;
};

// CloudEvents 1.0, structured mode.
nlohmann::json CloudEventOf(const Workspace& workspace, const catalog::OutboxEvent& event) {
  nlohmann::json data = event.data;
  data["seq"] = event.seq.value();
  return {{"specversion", "1.0"},
          {"id", fmt::format("{}", event.id)},
          {"source", "weirhouse:" + workspace.project().name},
          {"type", event.type},
          {"subject", event.subject},
          {"datacontenttype", "application/json"},
          {"data", std::move(data)}};
}

// "quarantine_rate > 1%" against the event's counts.
bool ExceedsQuarantineRate(const std::string& condition, const catalog::OutboxEvent& event) {
  const auto sign = condition.find('>');
  if (sign == std::string::npos || event.type != "weirhouse.record.quarantined") return false;
  const double percent = std::strtod(condition.c_str() + sign + 1, nullptr);
  const double records = event.data.value("records", 0.0);
  const double quarantined = event.data.value("quarantined", 0.0);
  return records > 0 && quarantined * 100 > percent * records;
}

bool Matches(const Alert& alert, const catalog::OutboxEvent& event) {
  for (const std::string& when : alert.when) {
    if (when == "gate_failed" && event.type == "weirhouse.gate.failed") return true;
    if (when == "gate_recovered" && event.type == "weirhouse.gate.recovered") return true;
    if (when.starts_with("quarantine_rate") && ExceedsQuarantineRate(when, event)) return true;
  }
  return false;
}

bool Matches(const Notify& notify, const catalog::OutboxEvent& event) {
  if (notify.when == "run_finished") return event.type == "weirhouse.run.finished";
  return event.type == "weirhouse.table.committed" &&
         (notify.table.empty() || notify.table == event.subject);
}

Status Deliver(const Workspace& workspace, const std::vector<std::string>& argv,
               const std::string& event) {
  const InputFile input(event);
  if (!input.complete())
    return Status(Code::kUnavailable, "could not hand the event over").WithError("WH8010");
  model::ChildCommand command;
  // The child's own input is /dev/null; the shell puts the event there.
  command.argv = {"/bin/sh", "-c", "exec \"$@\" <&3", "sh"};
  command.argv.insert(command.argv.end(), argv.begin(), argv.end());
  command.folder = workspace.project().root;
  command.environment = model::ChildEnvironment();
  command.limits.wall_time = kCommandTimeout;
  command.log_path = workspace.state_folder() + "/notify.log";
  command.descriptors = {{input.file(), 3}};
  WEIRHOUSE_TRY(const model::ChildExit exit, model::RunChild(std::move(command)));
  if (exit.ok()) return Status();
  return Status(Code::kUnavailable,
                fmt::format("the command {}: {}", model::Describe(exit), Join(argv, " ")))
      .WithError("WH8010")
      .WithHint("its output is in .weirhouse/notify.log");
}

Status DeliverToAll(const Workspace& workspace, const catalog::OutboxEvent& event) {
  const std::string body = CloudEventOf(workspace, event).dump() + "\n";
  for (const Alert& alert : workspace.project().alerts) {
    if (!alert.command.empty() && Matches(alert, event))
      WEIRHOUSE_TRY_STATUS(Deliver(workspace, alert.command, body));
  }
  for (const Notify& notify : workspace.project().notify) {
    if (Matches(notify, event)) WEIRHOUSE_TRY_STATUS(Deliver(workspace, notify.command, body));
  }
  return Status();
}
}  // namespace

Status DispatchOutbox(Workspace& workspace) {
  while (true) {
    WEIRHOUSE_TRY(const std::vector<catalog::OutboxEvent> events,
                  workspace.catalog().PendingEvents(kEventsAtOnce));
    bool progressed = false;
    std::vector<std::int64_t> sent;
    for (const catalog::OutboxEvent& event : events) {
      WEIRHOUSE_FAILPOINT("outbox.send.before");
      const Status status = DeliverToAll(workspace, event);
      WEIRHOUSE_FAILPOINT("outbox.send.after");
      const int attempts = event.attempts + 1;
      const std::string_view state = status.ok()                ? "sent"
                                     : attempts >= kAttemptsMax ? "dead"
                                                                : "pending";
      WEIRHOUSE_TRY_STATUS(workspace.catalog().MarkEvent(event.id, state, attempts));
      progressed = progressed || state != "pending";
    }
    if (!progressed) return Status();
  }
}
}  // namespace weirhouse::engine
