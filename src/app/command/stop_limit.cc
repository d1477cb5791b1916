#include "app/command/stop_limit.h"

#include <signal.h>
#include <unistd.h>

#include <string_view>

#include "app/command/verbs.h"
#include "ground/platform/process/child.h"

namespace weirhouse::command {
namespace {
void OnAlarm(int /*signal*/) {
  constexpr std::string_view kMessage =
      "\nstopped in the middle of a unit: nothing of it was committed, the next run starts it "
      "again\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
  EndNow();
}
}  // namespace

void PrepareStopLimit() {
  struct sigaction action{};
  action.sa_handler = OnAlarm;
  sigaction(SIGALRM, &action, nullptr);
}

void StartStopLimit() noexcept { alarm(static_cast<unsigned>(kStopGrace.count())); }

void EndNow() noexcept {
  platform::KillAllChildren();
  _exit(kExitInterrupted);
}
}  // namespace weirhouse::command
