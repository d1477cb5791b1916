// A child process that runs a user's code: limited, watched, and ended together with all processes
// it started.
//
// The child gets its own process group, a fixed list of environment variables and nothing else of
// ours, /dev/null as input, no descriptor but those passed to it, no new privileges, limits on
// processor time, files and open descriptors, and no core dump; it dies with the thread that
// started it. What this does not protect against: the child runs as the same user and can reach the
// network, and a process that leaves the process group (setsid) outlives the kill of the group.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::platform {

struct ChildLimits {
  std::chrono::seconds processor_time{0};               // 0 = not limited
  std::chrono::milliseconds wall_time{0};               // 0 = not limited; RunChild only
  std::int64_t file_bytes_max = std::int64_t{8} << 30;  // per file that it writes
  int open_files_max = 1024;                            // what a shell gives by default
  std::int64_t log_bytes_max = 16 << 20;                // further output is read and dropped
  std::int64_t rss_bytes_max = 0;                       // 0 = not watched; RunChild only
  int processors_max = 0;                               // 0 = all that we may use ourselves
  // Called several times a second; once it returns true the child is killed (kKilled). RunChild
  // only.
  std::function<bool()> told_to_stop;
};
// The number of processors this process may run on.
int UsableProcessors();

struct ChildCommand {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH of `environment` unless it has "/"
  std::string folder;             // working directory
  std::map<std::string, std::string> environment;  // see ChildEnvironment
  ChildLimits limits;
  std::string log_path;  // stdout and stderr, appended; empty = only on_line
  // Called on the calling thread with each line of output, without its line end, cut at 4 KiB.
  std::function<void(std::string_view line)> on_line;
  // Our descriptor → its number in the child (3 and up).
  std::vector<std::pair<int, int>> descriptors;
};

// The fixed list: PATH, HOME, LANG=C.UTF-8, LC_ALL=C, TZ=UTC, PYTHONHASHSEED=0, one thread for
// OpenMP and OpenBLAS (gradient boosting gives other bytes at other thread counts), and `given`.
std::map<std::string, std::string> ChildEnvironment(
    const std::map<std::string, std::string>& given = {});

// How a child ended.
struct ChildExit {
  enum class Reason : std::uint8_t {
    kExited,      // by itself, with exit_code
    kSignalled,   // by `signal`, not sent by us
    kTimedOut,    // killed at wall_time
    kOverMemory,  // killed above rss_bytes_max
    kKilled,      // by Kill()
  };
  Reason reason = Reason::kExited;
  int exit_code = 0;
  int signal = 0;
  double processor_seconds = 0;
  double wall_seconds = 0;
  std::int64_t rss_bytes_peak = 0;
  std::int64_t output_bytes = 0;
  bool output_cut = false;              // more than log_bytes_max came
  std::vector<std::string> last_lines;  // up to 20, for messages
  bool ok() const { return reason == Reason::kExited && exit_code == 0; }
};
// "exited with 3", "was killed by signal 9", "ran longer than 2 s", …
std::string Describe(const ChildExit& exit);

// Owns one running child: the destructor kills the group and reaps it. Threads: one, which must
// outlive the child (the kernel ends the child with the thread that started it).
class ChildProcess {
 public:
  //   kInvalidInput   the program or the folder does not exist (WH5007)
  //   kUnavailable    no process, descriptor or log file could be created (WH5007)
  static Result<std::unique_ptr<ChildProcess>> Start(ChildCommand command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const;
  // For poll: the first is readable when the child has ended, the second when output waits.
  int exit_descriptor() const;
  int output_descriptor() const;  // -1 once it is closed

  bool Ended();
  // Reads the output that is available, without waiting; at most 1 MiB per call.
  void PumpOutput();
  // Resident bytes now; 0 if unknown.
  std::int64_t RssBytes() const;
  // Kills the whole group and reaps it. Finish will report `reason`.
  void Kill(ChildExit::Reason reason = ChildExit::Reason::kKilled);
  // Waits for the end (after Kill, or Ended), reads the rest of the output and returns how the
  // child ended.
  ChildExit Finish();

 private:
  struct State;
  explicit ChildProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Runs a child to its end. Errors as for Start; a child that fails is not an error but a ChildExit.
Result<ChildExit> RunChild(ChildCommand command);

// Kills all children that Start started in this process, and their process groups. Safe in a signal
// handler: for a process that ends itself at once.
void KillAllChildren() noexcept;

// The absolute path of `program`, looked up in `path_list` unless it has a "/"; empty if there is
// none.
std::string FindProgram(const std::string& program, const std::string& path_list);
}  // namespace weirhouse::platform
