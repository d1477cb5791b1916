#include "app/daemon/daemon.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <set>
#include <thread>

#include "api/iceberg/rest.h"
#include "api/v1/v1.h"
#include "app/command/stop_limit.h"
#include "app/daemon/audit_log.h"
#include "app/daemon/command_socket.h"
#include "app/daemon/landing_watch.h"
#include "app/daemon/paced_call.h"
#include "app/daemon/project_host.h"
#include "app/daemon/project_lease.h"
#include "app/daemon/work_queue.h"
#include "ground/base/failpoint.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "ground/platform/net/server.h"
#include "work/events/courier.h"
#include "work/foreign/staging_area.h"
#include "work/landing/landing_looks.h"
#include "work/landing/object_reader.h"
#include "work/pipeline/arrived.h"
#include "work/pipeline/batch/refusals.h"
#include "work/pipeline/pipeline.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/cache_damage.h"
#include "work/workspace/online_refresh.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::daemon {
namespace {
constexpr std::uint16_t kPortDefault = 8642;
constexpr int kHttpWorkers = 4;
// Commits mostly wait for the disk, and those that wait together share its fsyncs.
constexpr int kCommitWorkers = 16;
constexpr std::size_t kFilesToldMax = 20;  // at a time
// Between two runs for what is appended to topics, so that a busy topic makes one commit a second.
constexpr std::chrono::milliseconds kTopicsEvery{1'000};

std::atomic<int> signals{0};
int signal_event = -1;

// The first signal leaves the unit at hand a few seconds to finish; the second ends the process.
// Both are safe.
void OnSignal(int /*signal*/) {
  work::NoteStopWanted();
  if (signals.fetch_add(1) > 0) command::EndNow();
  command::StartStopLimit();
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(signal_event, &one, sizeof(one));
}

std::atomic<bool> replaced{false};

// Ends as after a signal: the catalog accepts no more commits of this process.
void EndReplaced() {
  if (replaced.exchange(true)) return;
  signals.fetch_add(1);
  command::StartStopLimit();
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(signal_event, &one, sizeof(one));
}

Status Replaced() {
  return Status(
             Code::kUnavailable,
             "this daemon ends because it is no longer the project's writer (another process took "
             "over, or the catalog is not where it was)")
      .WithError(catalog::kWriterReplaced)
      .WithHint("what it committed is kept; start it again once no other process writes");
}

void CatchSignals() {
  signal_event = eventfd(0, EFD_CLOEXEC);
  command::PrepareStopLimit();
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// Prints lines of several threads, one at a time. Throws nothing: a line that memory does not
// suffice for is lost.
class Talk {
 public:
  explicit Talk(command::Streams& streams) : streams_(streams) {}
  void Say(std::string_view line) {
    const UseMemoryReserve reserve;
    try {
      const std::lock_guard lock(mutex_);
      streams_.Err(EscapeControl(line) + "\n");
    } catch (...) {
      return;
    }
  }
  void Say(const Status& trouble) {
    const UseMemoryReserve reserve;
    try {
      Say(trouble.ToString());
    } catch (...) {
      return;
    }
  }

 private:
  std::mutex mutex_;
  command::Streams& streams_;
};

// The daemon's own work: runs what landed. Repeated trouble is reported once.
class LandingRun {
 public:
  LandingRun(ProjectHost& host, Talk& talk) : host_(host), talk_(talk), upkeep_(SystemClock()) {}

  landing::LandingLooks& looks() { return looks_; }
  // Where a look lists whole folders of many files, it is done less often, since inotify reports
  // most of what lands.
  std::chrono::milliseconds LookEvery() const {
    return std::clamp(look_.load() * kLookShare, kLookEvery, kLookSeldom);
  }

  void Run() {
    const std::chrono::nanoseconds begun = SystemClock().Monotonic();
    if (const Status there = host_.CheckPlace(); !there.ok()) {
      Tell(there.ToString());
      return host_.NoteReplaced();
    }
    auto aftermath = command::Aftermath::kNone;
    Result<work::RunSummary> summary = Attempt(&aftermath);
    if (aftermath != command::Aftermath::kNone) {
      const Status renewed = Renew();
      if (!renewed.ok()) return Tell(renewed.ToString());
      if (aftermath == command::Aftermath::kCacheDamaged) summary = Attempt(&aftermath);
    }
    host_.NoteIfReplaced(summary.status());
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(SystemClock().Monotonic() - begun);
    if (!summary.ok()) {
      // Each look reads that much before it meets the missing object.
      if (landing::WantsItsFile(summary.status())) look_ = took;
      return Tell(summary.status().ToString());
    }
    WEIRHOUSE_FAILPOINT("daemon.report");
    Report(*summary);
    look_ = summary->commits > 0 ? std::chrono::milliseconds(0) : took;
    if (summary->halted || signals.load() > 0) return;  // a decision or a stop is due first
    const Result<std::string> done = Tidy(summary->commits > 0 ? work::UpkeepTurns::While::kBusy
                                                               : work::UpkeepTurns::While::kIdle);
    host_.NoteIfReplaced(done.status());
    if (!done.ok()) return Tell(done.status().ToString());
    if (!done->empty()) talk_.Say(*done);
  }
  // Rebuilds a cache whose damage a reader has met.
  void Mend() {
    const Status renewed = Renew();
    if (!renewed.ok()) Tell(renewed.ToString());
  }

 private:
  class Progress : public work::Progress {
   public:
    explicit Progress(Talk& talk) : talk_(talk) {}
    void Update(std::string_view, std::int64_t, std::int64_t) override {}
    void Say(std::string_view line) override { talk_.Say(line); }
    bool Cancelled() override { return signals.load() > 0; }

   private:
    Talk& talk_;
  };

  // Catches everything: the working thread must not throw.
  Result<work::RunSummary> Attempt(command::Aftermath* aftermath) {
    try {
      WEIRHOUSE_TRY(ProjectHost::Lease lease, host_.Take());
      Progress progress(talk_);
      auto summary = work::RunArrived(lease.workspace(), progress, looks_);
      if (work::IsCacheDamage(summary.status())) {
        WEIRHOUSE_TRY_STATUS(
            work::NoteCacheDamage(lease.workspace().state_folder(), summary.status()));
        *aftermath = command::Aftermath::kCacheDamaged;
      } else if (summary.status().Is(kNoMemoryError)) {
        *aftermath = command::Aftermath::kThrown;
      }
      return summary;
    } catch (...) {
      *aftermath = command::Aftermath::kThrown;
      return StatusOfException();
    }
  }
  Result<std::string> Tidy(work::UpkeepTurns::While when) {
    try {
      WEIRHOUSE_TRY(ProjectHost::Lease lease, host_.Take());
      return upkeep_.Take(lease.workspace(), when);
    } catch (...) {
      return StatusOfException();
    }
  }
  Status Renew() {
    try {
      return host_.Renew();
    } catch (...) {
      return StatusOfException();
    }
  }

  void Report(const work::RunSummary& summary) {
    if (summary.objects + summary.duplicate_objects + summary.commits > 0) {
      talk_.Say(fmt::format("ran {} batches: {} objects ({} again), {} records, {} commits",
                            summary.batches, WithThousands(summary.objects),
                            WithThousands(summary.duplicate_objects),
                            WithThousands(summary.records), WithThousands(summary.commits)));
    }
    for (const std::string& warning : summary.warnings) talk_.Say(warning);
    for (const std::string& line : work::RefusalLines(summary)) talk_.Say(line);
    if (summary.halted) {
      Tell(fmt::format("{}; wh gate show {}", summary.halted_message, ToString(*summary.halted)));
    } else if (!summary.overdue.empty()) {
      std::string stories;
      for (const work::OverdueCheck& check : summary.overdue) {
        stories += (stories.empty() ? "" : "\n") + check.story;
      }
      Tell(stories);
    } else {
      told_.clear();
    }
    ReportUntaken(summary);
  }
  // Reports each file once, and again if it was in order meanwhile.
  void ReportUntaken(const work::RunSummary& summary) {
    std::set<std::string> untaken;
    for (const auto& [path, why] : summary.untaken_files) {
      untaken.insert(fmt::format("not taken in: {}: {}", path, why));
    }
    for (const std::string& path : summary.unmatched_files) {
      untaken.insert("not landed, its name fits no batch pattern: " + path);
    }
    std::size_t fresh = 0;
    for (const std::string& line : untaken) {
      if (told_files_.contains(line)) continue;
      if (++fresh <= kFilesToldMax) talk_.Say(line);
    }
    if (fresh > kFilesToldMax) {
      talk_.Say(fmt::format("{} more files were not taken in; `wh status --json` lists all",
                            fresh - kFilesToldMax));
    }
    told_files_ = std::move(untaken);
  }
  void Tell(std::string trouble) {
    if (trouble == told_) return;
    told_ = std::move(trouble);
    talk_.Say(told_);
  }

  ProjectHost& host_;
  Talk& talk_;
  static constexpr int kLookShare = 10;  // looking may take a tenth of the time
  static constexpr std::chrono::milliseconds kLookSeldom{60'000};
  landing::LandingLooks looks_;
  work::UpkeepTurns upkeep_;
  std::atomic<std::chrono::milliseconds> look_{
      std::chrono::milliseconds(0)};  // how long a look took
  std::string told_;
  std::set<std::string> told_files_;
};

Result<std::uint16_t> PortOf(const command::Invocation& invocation) {
  const std::string text = invocation.Option("port").value_or(std::to_string(kPortDefault));
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size()) return port;
  return Status(Code::kInvalidInput, fmt::format("--port takes 0 to 65535, found \"{}\"", text))
      .WithError("WH8033");
}

std::vector<std::string> LandingFolders(const work::ProjectDefinition& project) {
  std::vector<std::string> folders;
  for (const work::Source& source : project.sources) {
    if (!source.topic.empty()) continue;
    folders.push_back(source.landing.starts_with("/") ? source.landing
                                                      : project.root + "/" + source.landing);
  }
  return folders;
}

Result<std::unique_ptr<http::HttpServer>> StartServer(std::uint16_t port, ProjectHost& host,
                                                      const rest::Options& catalog,
                                                      std::function<void()> on_append, Talk& talk) {
  http::ServerOptions options;
  options.port = port;
  options.workers = kHttpWorkers;
  options.slow_workers = kCommitWorkers;
  options.authenticator = std::make_shared<http::BearerAuthenticator>(
      [&host](std::string_view token) { return CheckToken(host, token); });
  options.on_refusal = [&talk](const http::Refusal& refusal) {
    talk.Say(fmt::format("refused {} {} {} from {}: {}", refusal.status, refusal.method,
                         refusal.target, refusal.remote, refusal.code));
  };
  http::Router router;
  v1::Options own;
  own.take = [&host] { return ServedLease::Take(host); };
  own.on_error = [&host](const Status& status) { NoteTrouble(host, status); };
  own.on_append = std::move(on_append);
  v1::AddRoutes(router, std::move(own));
  rest::AddRoutes(router, catalog);
  return http::HttpServer::Start(std::move(options), std::move(router));
}

// The working thread; its destructor ends it.
class Worker {
 public:
  static Result<std::unique_ptr<Worker>> Start(WorkQueue& queue, Talk& talk) {
    std::unique_ptr<Worker> worker(new Worker(queue));
    WEIRHOUSE_TRY(worker->thread_, StartThread([&queue, &talk] {
                    queue.Run([&talk](const Status& thrown) { talk.Say(thrown); });
                  }));
    return worker;
  }
  ~Worker() {
    queue_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

 private:
  explicit Worker(WorkQueue& queue) : queue_(queue) {}
  WorkQueue& queue_;
  std::thread thread_;
};

void WaitForSignal() {
  while (signals.load() == 0) {
    pollfd watched{signal_event, POLLIN, 0};
    poll(&watched, 1, -1);
  }
}

// Brings the caches level with the catalog, since a crash may have left them behind or damaged: no
// request is answered before that. Returns the landing folders.
Result<std::vector<std::string>> Prepare(ProjectHost& host, const std::string& root, Talk& talk) {
  std::vector<std::string> folders;
  Status level;
  {
    WEIRHOUSE_TRY(ProjectHost::Lease lease, host.Take());
    folders = LandingFolders(lease.workspace().project());
    if (lease.workspace().clock_went_back())
      talk.Say("warning: " + *lease.workspace().clock_went_back());
    level = work::RefreshCaches(lease.workspace());
  }
  if (work::IsCacheDamage(level)) {
    WEIRHOUSE_TRY_STATUS(work::NoteCacheDamage(root + "/.weirhouse", level));
    level = host.Renew();
  }
  WEIRHOUSE_TRY_STATUS(level);
  return folders;
}

Status ServeProject(const command::Invocation& invocation, Talk& talk) {
  WEIRHOUSE_TRY(const std::uint16_t port, PortOf(invocation));
  std::string start = invocation.project.empty() ? invocation.cwd : invocation.project;
  if (!start.starts_with("/")) start = invocation.cwd + "/" + start;
  WEIRHOUSE_TRY(const std::string root, work::FindProjectRoot(start));
  WEIRHOUSE_TRY(const std::unique_ptr<ProjectHost> host,
                ProjectHost::Open(root, invocation.profile,
                                  [&talk](std::string_view line) { talk.Say(line); }));
  host->OnReplaced(EndReplaced);
  WEIRHOUSE_TRY(std::vector<std::string> folders, Prepare(*host, root, talk));
  WorkQueue queue;
  LandingRun run(*host, talk);
  const bool runs_by_itself = !invocation.Has("no-watch");
  AuditLog audit(root + "/.weirhouse/audit.jsonl");
  // Alerts and notifications are delivered on a thread of their own, so that they delay nothing.
  const std::unique_ptr<work::Courier> courier = work::Courier::Start(
      [&host](const work::Courier::Body& body) -> Status {
        WEIRHOUSE_TRY(ProjectHost::Lease lease, host->Take());
        Status status = body(lease.workspace());
        host->NoteIfReplaced(status);
        return status;
      },
      [&talk](std::string_view line) { talk.Say(line); });
  rest::Options catalog;
  catalog.take = [&host] { return CatalogLease::Take(*host); };
  catalog.on_commit = [&] {
    if (runs_by_itself) queue.PushOnce([&] { run.Run(); });
  };
  catalog.on_error = [&host](const Status& status) { host->NoteIfReplaced(status); };
  catalog.audit = [&audit](const std::string& line) { audit.Append(line); };
  // Before the server: whoever finds the port open may give commands.
  WEIRHOUSE_TRY(std::unique_ptr<CommandSocket> socket, CommandSocket::Start(*host, queue, signals));
  WEIRHOUSE_TRY(const std::unique_ptr<PacedCall> appended, PacedCall::Start(kTopicsEvery, [&] {
                  if (runs_by_itself) queue.PushOnce([&] { run.Run(); });
                }));
  WEIRHOUSE_TRY(const std::unique_ptr<http::HttpServer> server,
                StartServer(port, *host, catalog, [&appended] { appended->Ask(); }, talk));
  host->OnDamage([&] { return queue.Push([&] { run.Mend(); }); });
  WEIRHOUSE_TRY(std::unique_ptr<Worker> worker, Worker::Start(queue, talk));
  std::unique_ptr<LandingWatch> watch;
  Status status;
  if (runs_by_itself) {
    auto started = LandingWatch::Start(
        std::move(folders), run.looks(), [&] { queue.PushOnce([&] { run.Run(); }); },
        [&] { return run.LookEvery(); });
    status = started.status();
    if (started.ok()) watch = std::move(started).value();
  }
  if (status.ok()) {
    talk.Say(fmt::format("listening on http://127.0.0.1:{}", server->port()));
    talk.Say(fmt::format("iceberg REST catalog at http://127.0.0.1:{}/iceberg", server->port()));
    work::NoteAddress(root, fmt::format("http://127.0.0.1:{}", server->port()))
        .Ignore("verbs then say the default address");
    WaitForSignal();
    work::NoteAddress(root, "").Ignore("the next daemon writes it anew");
    talk.Say("stopping: finishing the unit at hand");
  }
  watch.reset();
  worker.reset();
  socket.reset();
  server->Stop();
  return replaced.load() ? Replaced() : status;
}
}  // namespace

int Serve(const command::Invocation& invocation, command::Streams& streams) {
  CatchSignals();
  Talk talk(streams);
  Status status;
  try {
    status = ServeProject(invocation, talk);
  } catch (...) {
    status = StatusOfException();
  }
  if (!status.ok()) return command::PrintError(invocation, streams, status);
  talk.Say("stopped");
  return 0;
}
}  // namespace weirhouse::daemon
