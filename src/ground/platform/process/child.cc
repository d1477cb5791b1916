#include "ground/platform/process/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>

#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "ground/base/time.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kLineBytesMax = 4096;
constexpr std::size_t kLastLinesMax = 20;
constexpr int kReadsPerPump = 16;
constexpr std::size_t kPipeBytes = 64 << 10;
constexpr int kLowestOwnDescriptor = 64;  // above every number that a child is promised
constexpr auto kWatchInterval = std::chrono::milliseconds(200);

class ChildDescriptor {
 public:
  ChildDescriptor() = default;
  explicit ChildDescriptor(int fd) : fd_(fd) {}
  ChildDescriptor(ChildDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ChildDescriptor& operator=(ChildDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~ChildDescriptor() { Close(); }
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

Status CannotStart(std::string_view program, std::string_view why, Code code) {
  return Status(code, fmt::format("could not start \"{}\": {}", program, why)).WithError("WH5007");
}

Status CannotStartErrno(std::string_view program, std::string_view step, int error) {
  const Code code = error == ENOENT || error == ENOTDIR || error == EACCES || error == ENOEXEC
                        ? Code::kInvalidInput
                        : Code::kUnavailable;
  return CannotStart(program, fmt::format("{}: {}", step, std::strerror(error)), code);
}

// A pipe whose two ends lie above the numbers that a child is promised.
Result<std::pair<ChildDescriptor, ChildDescriptor>> HighPipe(std::string_view program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return CannotStartErrno(program, "pipe", errno);
  ChildDescriptor low_read(ends[0]);
  ChildDescriptor low_write(ends[1]);
  ChildDescriptor read_end(fcntl(low_read.get(), F_DUPFD_CLOEXEC, kLowestOwnDescriptor));
  ChildDescriptor write_end(fcntl(low_write.get(), F_DUPFD_CLOEXEC, kLowestOwnDescriptor));
  if (read_end.get() < 0 || write_end.get() < 0) return CannotStartErrno(program, "pipe", errno);
  return std::make_pair(std::move(read_end), std::move(write_end));
}

// Everything the child needs between fork and exec, made before the fork: after it only
// async-signal-safe calls are allowed, because other threads of ours may hold the allocator's lock.
struct Preparation {
  std::string program;
  std::vector<char*> argv;
  std::vector<std::string> environment_texts;
  std::vector<char*> environment;
  std::string folder;
  std::vector<std::pair<int, int>> descriptors;  // already high
  std::array<std::pair<int, rlimit>, 4> limits;
  int input = -1;
  int output = -1;
  int report = -1;
  pid_t parent = 0;
  bool pinned = false;
  cpu_set_t processors{};
};

enum class Step : int { kGroup, kParentGone, kPrivileges, kLimits, kDescriptors, kFolder, kExec };
struct Report {
  Step step;
  int error;
};

// By number: Debian 12's header declares the wrapper without C linkage.
int OpenProcess(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

std::string_view StepName(Step step) {
  switch (step) {
    case Step::kGroup:
      return "process group";
    case Step::kParentGone:
      return "parent";
    case Step::kPrivileges:
      return "privileges";
    case Step::kLimits:
      return "resource limits";
    case Step::kDescriptors:
      return "descriptors";
    case Step::kFolder:
      return "working directory";
    case Step::kExec:
      return "program";
  }
  return "start";
}

[[noreturn]] void FailInChild(const Preparation& p, Step step) {
  const Report report{step, errno};
  const ssize_t written = write(p.report, &report, sizeof report);
  _exit(written == sizeof report ? 127 : 126);
}

// Runs in the child. Async-signal-safe calls only.
[[noreturn]] void BecomeChild(const Preparation& p) {
  if (setpgid(0, 0) != 0) FailInChild(p, Step::kGroup);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) FailInChild(p, Step::kParentGone);
  // the parent ended before the check
  if (getppid() != p.parent) FailInChild(p, Step::kParentGone);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) FailInChild(p, Step::kPrivileges);

  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);

  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // an old kernel lacks it; our own are marked already
  if (dup2(p.input, 0) < 0 || dup2(p.output, 1) < 0 || dup2(p.output, 2) < 0)
    FailInChild(p, Step::kDescriptors);
  for (const auto& [ours, theirs] : p.descriptors) {
    if (dup2(ours, theirs) < 0) FailInChild(p, Step::kDescriptors);
  }
  if (chdir(p.folder.c_str()) != 0) FailInChild(p, Step::kFolder);
  for (const auto& [resource, limit] : p.limits) {
    if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0)
      FailInChild(p, Step::kLimits);
  }
  if (p.pinned && sched_setaffinity(0, sizeof p.processors, &p.processors) != 0)
    FailInChild(p, Step::kLimits);
  execve(p.program.c_str(), p.argv.data(), p.environment.data());
  FailInChild(p, Step::kExec);
}

// The groups that KillAllChildren kills. 0: free.
std::array<std::atomic<pid_t>, 64> running_groups{};
static_assert(std::atomic<pid_t>::is_always_lock_free);

void Enlist(pid_t pid) {
  for (std::atomic<pid_t>& slot : running_groups) {
    pid_t free = 0;
    if (slot.compare_exchange_strong(free, pid)) return;
  }
}
void Delist(pid_t pid) {
  for (std::atomic<pid_t>& slot : running_groups) {
    pid_t ours = pid;
    if (slot.compare_exchange_strong(ours, 0)) return;
  }
}

// A limit, at most our own: raising it would need privileges.
rlimit Capped(int resource, std::int64_t value) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  if (value >= 0) limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(value));
  limit.rlim_cur = value >= 0 ? limit.rlim_max : limit.rlim_cur;
  return limit;
}

// The first `count` of our processors; none if that is all of them.
bool FirstProcessors(int count, cpu_set_t& chosen) {
  cpu_set_t usable;
  if (count <= 0 || sched_getaffinity(0, sizeof usable, &usable) != 0) return false;
  if (CPU_COUNT(&usable) <= count) return false;
  CPU_ZERO(&chosen);
  for (int i = 0; i < CPU_SETSIZE && count > 0; ++i) {
    if (!CPU_ISSET(static_cast<std::size_t>(i), &usable)) continue;
    CPU_SET(static_cast<std::size_t>(i), &chosen);
    --count;
  }
  return true;
}

Preparation Prepare(ChildCommand& command, std::string program) {
  Preparation p;
  p.program = std::move(program);
  for (std::string& word : command.argv) p.argv.push_back(word.data());
  p.argv.push_back(nullptr);
  for (const auto& [name, value] : command.environment)
    p.environment_texts.push_back(name + "=" + value);
  for (std::string& text : p.environment_texts) p.environment.push_back(text.data());
  p.environment.push_back(nullptr);
  p.folder = command.folder.empty() ? "." : command.folder;
  const ChildLimits& limits = command.limits;
  const std::int64_t seconds = limits.processor_time.count();
  p.limits = {{{RLIMIT_CPU, Capped(RLIMIT_CPU, seconds > 0 ? seconds + 1 : -1)},
               {RLIMIT_NOFILE, Capped(RLIMIT_NOFILE, limits.open_files_max)},
               {RLIMIT_FSIZE, Capped(RLIMIT_FSIZE, limits.file_bytes_max)},
               {RLIMIT_CORE, Capped(RLIMIT_CORE, 0)}}};
  // The soft limit is a second lower: SIGXCPU tells the cause, SIGKILL would not.
  if (seconds > 0) p.limits[0].second.rlim_cur = p.limits[0].second.rlim_max - 1;
  p.parent = getpid();
  p.pinned = FirstProcessors(limits.processors_max, p.processors);
  return p;
}
}  // namespace

std::map<std::string, std::string> ChildEnvironment(
    const std::map<std::string, std::string>& given) {
  std::map<std::string, std::string> environment;
  const char* path = std::getenv("PATH");
  const char* home = std::getenv("HOME");
  environment["PATH"] = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  environment["HOME"] = home != nullptr ? home : "/";
  environment["LANG"] = "C.UTF-8";
  environment["LC_ALL"] = "C";
  environment["TZ"] = "UTC";
  environment["PYTHONHASHSEED"] = "0";
  environment["OMP_NUM_THREADS"] = "1";
  environment["OPENBLAS_NUM_THREADS"] = "1";
  for (const auto& [name, value] : given) environment[name] = value;
  return environment;
}

int UsableProcessors() {
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) != 0) return 1;
  return CPU_COUNT(&usable);
}

std::string FindProgram(const std::string& program, const std::string& path_list) {
  const auto runs = [](const std::string& path) { return access(path.c_str(), X_OK) == 0; };
  if (program.find('/') != std::string::npos) return runs(program) ? program : std::string();
  for (const std::string_view folder : Split(path_list, ':')) {
    if (folder.empty() || folder.front() != '/') continue;  // "" and "." mean wherever we stand
    const std::string path = std::string(folder) + "/" + program;
    if (runs(path)) return path;
  }
  return std::string();
}

std::string Describe(const ChildExit& exit) {
  switch (exit.reason) {
    case ChildExit::Reason::kExited:
      return fmt::format("exited with {}", exit.exit_code);
    case ChildExit::Reason::kSignalled:
      return fmt::format("was killed by signal {} ({})", exit.signal, strsignal(exit.signal));
    case ChildExit::Reason::kTimedOut:
      return fmt::format("was stopped after {:.1f} s, its limit", exit.wall_seconds);
    case ChildExit::Reason::kOverMemory:
      return fmt::format("was stopped: it used {} MiB of memory, above its limit",
                         exit.rss_bytes_peak >> 20);
    case ChildExit::Reason::kKilled:
      return "was stopped";
  }
  return "ended";
}

struct ChildProcess::State {
  ChildCommand command;
  pid_t pid = -1;
  ChildDescriptor exit;
  ChildDescriptor output;
  ChildDescriptor log;
  bool reaped = false;
  bool killed = false;
  ChildExit result;
  std::string line;
  std::deque<std::string> last_lines;
  std::chrono::nanoseconds started{0};

  void TakeLine() {
    if (command.on_line) command.on_line(line);
    last_lines.push_back(std::move(line));
    if (last_lines.size() > kLastLinesMax) last_lines.pop_front();
    line.clear();
  }
  void TakeOutput(std::string_view bytes) {
    const std::int64_t room =
        std::max<std::int64_t>(0, command.limits.log_bytes_max - result.output_bytes);
    result.output_bytes += static_cast<std::int64_t>(bytes.size());
    WriteLog(bytes.substr(0, static_cast<std::size_t>(room)));
    if (static_cast<std::int64_t>(bytes.size()) > room && !result.output_cut) {
      result.output_cut = true;
      WriteLog("\n[more output was dropped: the log is full]\n");
    }
    for (const char c : bytes) {
      if (c == '\n') {
        TakeLine();
      } else if (line.size() < kLineBytesMax) {
        line += c;
      }
    }
  }
  void WriteLog(std::string_view bytes) {
    while (log.get() >= 0 && !bytes.empty()) {
      const ssize_t n = write(log.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return log.Close();  // a full disk loses the log, never the run
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
};

ChildProcess::ChildProcess(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(ChildCommand command) {
  WEIRHOUSE_CHECK(!command.argv.empty());
  const std::string name = command.argv[0];
  const bool beside = name.find('/') != std::string::npos && name.front() != '/';
  const std::string program =
      FindProgram(beside ? command.folder + "/" + name : name, command.environment["PATH"]);
  if (program.empty()) {
    return CannotStart(name, "no such program", Code::kInvalidInput)
        .WithHint("install it, or give its full path; PATH is that of the caller");
  }

  auto state = std::make_unique<State>();
  if (!command.log_path.empty()) {
    state->log = ChildDescriptor(
        open(command.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (state->log.get() < 0) return CannotStartErrno(name, command.log_path, errno);
  }
  WEIRHOUSE_TRY(auto output, HighPipe(name));
  WEIRHOUSE_TRY(auto report, HighPipe(name));
  const ChildDescriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (null.get() < 0) return CannotStartErrno(name, "/dev/null", errno);

  Preparation preparation = Prepare(command, program);
  std::vector<ChildDescriptor> high;
  for (const auto& [ours, theirs] : command.descriptors) {
    WEIRHOUSE_CHECK(theirs >= 3 && theirs < kLowestOwnDescriptor);
    high.emplace_back(fcntl(ours, F_DUPFD_CLOEXEC, kLowestOwnDescriptor));
    if (high.back().get() < 0) return CannotStartErrno(name, "descriptors", errno);
    preparation.descriptors.emplace_back(high.back().get(), theirs);
  }
  preparation.input = null.get();
  preparation.output = output.second.get();
  preparation.report = report.second.get();

  state->started = SystemClock().Monotonic();
  // Our signal handlers must not run in the child before it has set its own.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Skips the atfork handlers of libraries: Arrow's allocator takes all its locks there, and a
  // child that only execs needs none of them.
  const pid_t pid = _Fork();
  if (pid == 0) BecomeChild(preparation);
  const int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return CannotStartErrno(name, "fork", fork_error);

  Enlist(pid);
  setpgid(pid, pid);  // in the child too: whichever comes first
  output.second.Close();
  report.second.Close();
  state->pid = pid;
  state->exit = ChildDescriptor(OpenProcess(pid));
  state->output = std::move(output.first);
  fcntl(state->output.get(), F_SETFL, O_NONBLOCK);
  state->command = std::move(command);
  std::unique_ptr<ChildProcess> child(new ChildProcess(std::move(state)));

  Report failure{};
  ssize_t n = 0;
  do {
    n = read(report.first.get(), &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof failure) return CannotStartErrno(name, StepName(failure.step), failure.error);
  if (child->exit_descriptor() < 0) return CannotStartErrno(name, "pidfd", EMFILE);
  return child;
}

ChildProcess::~ChildProcess() {
  const UseMemoryReserve reserve;
  if (!state_->reaped) {
    Kill();
    Finish();
  }
}

pid_t ChildProcess::pid() const { return state_->pid; }
int ChildProcess::exit_descriptor() const { return state_->exit.get(); }
int ChildProcess::output_descriptor() const { return state_->output.get(); }

bool ChildProcess::Ended() {
  siginfo_t info{};
  // WNOWAIT keeps the zombie, which keeps its group's number from being given to others.
  return state_->reaped ||
         (waitid(P_PID, static_cast<id_t>(state_->pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == state_->pid);
}

void ChildProcess::PumpOutput() {
  std::array<char, kPipeBytes> buffer;
  for (int i = 0; i < kReadsPerPump && state_->output.get() >= 0; ++i) {
    const ssize_t n = read(state_->output.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return state_->output.Close();
    state_->TakeOutput({buffer.data(), static_cast<std::size_t>(n)});
  }
}

std::int64_t ChildProcess::RssBytes() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", state_->pid));
  std::int64_t total = 0;
  std::int64_t resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

void ChildProcess::Kill(ChildExit::Reason reason) {
  if (state_->reaped) return;
  if (!state_->killed && !Ended()) {
    state_->killed = true;
    state_->result.reason = reason;
  }
  kill(-state_->pid, SIGKILL);
  kill(state_->pid, SIGKILL);  // in case it has not joined its own group yet
}

ChildExit ChildProcess::Finish() {
  State& state = *state_;
  if (state.reaped) return state.result;
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(state.pid), &info, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  kill(-state.pid, SIGKILL);  // grandchildren; the zombie still holds the group's number
  PumpOutput();
  if (!state.line.empty()) state.TakeLine();
  Delist(state.pid);  // before its number may be given to another
  int status = 0;
  rusage usage{};
  while (wait4(state.pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  state.reaped = true;
  ChildExit& result = state.result;
  if (!state.killed) {
    if (WIFSIGNALED(status)) {
      result.reason = ChildExit::Reason::kSignalled;
      result.signal = WTERMSIG(status);
    } else {
      result.reason = ChildExit::Reason::kExited;
      result.exit_code = WEXITSTATUS(status);
    }
  }
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  result.processor_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  result.wall_seconds =
      std::chrono::duration<double>(SystemClock().Monotonic() - state.started).count();
  result.rss_bytes_peak = std::max<std::int64_t>(result.rss_bytes_peak, usage.ru_maxrss * 1024);
  result.last_lines.assign(state.last_lines.begin(), state.last_lines.end());
  state.log.Close();
  return result;
}

void KillAllChildren() noexcept {
  for (const std::atomic<pid_t>& slot : running_groups) {
    const pid_t pid = slot.load();
    if (pid > 0) kill(-pid, SIGKILL);
  }
}

Result<ChildExit> RunChild(ChildCommand command) {
  const ChildLimits limits = command.limits;
  WEIRHOUSE_TRY(const std::unique_ptr<ChildProcess> child, ChildProcess::Start(std::move(command)));
  const auto start = SystemClock().Monotonic();
  while (!child->Ended()) {
    std::chrono::milliseconds wait = kWatchInterval;
    if (limits.wall_time.count() > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          start + limits.wall_time - SystemClock().Monotonic());
      if (left.count() <= 0) {
        child->Kill(ChildExit::Reason::kTimedOut);
        break;
      }
      wait = std::min(wait, left + std::chrono::milliseconds(1));
    }
    if (limits.told_to_stop && limits.told_to_stop()) {
      child->Kill();
      break;
    }
    if (limits.rss_bytes_max > 0 && child->RssBytes() > limits.rss_bytes_max) {
      child->Kill(ChildExit::Reason::kOverMemory);
      break;
    }
    pollfd waits[2] = {{child->exit_descriptor(), POLLIN, 0},
                       {child->output_descriptor(), POLLIN, 0}};
    poll(waits, 2, static_cast<int>(wait.count()));
    child->PumpOutput();
  }
  return child->Finish();
}
}  // namespace weirhouse::platform
