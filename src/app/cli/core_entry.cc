// The entry of the core library: an invocation in, an exit code out, the process's own streams.
#include "app/cli/core_entry.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include "app/command/command.h"
#include "app/command/stop_limit.h"
#include "app/daemon/daemon.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/platform/process/heap.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::cli {
namespace {
std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);

// The first Ctrl-C leaves the unit at hand a few seconds to finish; the second ends the process.
// Both are safe: what was not committed is not there.
void OnInterrupt(int /*signal*/) {
  work::NoteStopWanted();
  if (interrupts.fetch_add(1) > 0) command::EndNow();
  command::StartStopLimit();
  constexpr std::string_view kMessage =
      "\ninterrupted: finishing the unit at hand; Ctrl-C again stops now\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
}

// An std::bad_alloc that nothing catches ends the process with a message and an exit code, not as a
// crash: the next process starts from the catalog. ground/base/resource/memory_reserve.h has what
// is tried before that.
void OnTerminate() {
  work::NoteFault();
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    constexpr std::string_view kMessage =
        "error[WH8050]: not enough memory: the process ends; all that was committed stands\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
    _exit(ExitCode(Code::kUnavailable));
  } catch (...) {
    std::abort();
  }
  std::abort();
}

// Ends as the signal would by default.
void OnFault(int signal) {
  work::NoteFault();
  raise(signal);  // its action is the default one again
}

void CatchFaults() {
  std::set_terminate(OnTerminate);
  struct sigaction action{};
  action.sa_handler = OnFault;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigaction(signal, &action, nullptr);
}

void CatchInterrupts() {
  command::PrepareStopLimit();
  struct sigaction action{};
  action.sa_handler = OnInterrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

class ProcessStreams : public command::Streams {
 public:
  void Out(std::string_view text) override { Write(stdout, text); }
  void Err(std::string_view text) override {
    std::fflush(stdout);  // so that data and notes appear in the order they were printed
    Write(stderr, text);
  }
  bool Cancelled() override { return interrupts.load() > 0; }

 private:
  static void Write(std::FILE* file, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file);
  }
};

int Run(const char* invocation_json) {
  platform::ShareOneHeap();
  CatchFaults();
  HoldMemoryReserve();
  ProcessStreams streams;
  const auto invocation = command::InvocationFromJson(invocation_json);
  if (!invocation.ok()) return command::PrintError({}, streams, invocation.status());
  if (invocation->verb == "serve") return daemon::Serve(*invocation, streams);
  CatchInterrupts();
  return command::RunCommand(*invocation, streams);
}
}  // namespace
}  // namespace weirhouse::cli

extern "C" __attribute__((visibility("default"))) int weirhouse_run(const char* invocation_json) {
  const int code = weirhouse::cli::Run(invocation_json);
  std::fflush(stdout);
  std::fflush(stderr);
  return code;
}
