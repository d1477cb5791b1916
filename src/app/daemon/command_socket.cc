#include "app/daemon/command_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <future>
#include <string>
#include <string_view>

#include "app/command/daemon_link.h"
#include "ground/base/failpoint.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/thread.h"

namespace weirhouse::daemon {
namespace {
constexpr int kAcceptEveryMs = 200;
constexpr timeval kTurnedAwayPatience{1, 0};  // to hear what a client wanted that is turned away

// Sends what a verb prints to the client that asked.
class ClientStreams : public command::Streams {
 public:
  ClientStreams(int client, const std::atomic<int>& signals) : client_(client), signals_(signals) {}
  void Out(std::string_view text) override { Write('o', text); }
  void Err(std::string_view text) override { Write('e', text); }
  // So that the client can tell a daemon that works from one that is stopped. From any thread.
  // Throws nothing.
  void SayAlive() {
    const UseMemoryReserve reserve;
    try {
      Write('a', "");
    } catch (...) {
      return;  // the next one is in time too
    }
  }
  void Exit(int code) { Write('x', std::to_string(code)); }
  bool Cancelled() override {
    cancelled_ = cancelled_ || gone_ || signals_.load() > 0 || command::ClientCancelled(client_);
    return cancelled_;
  }

 private:
  void Write(char kind, std::string_view text) {
    const std::lock_guard lock(mutex_);
    // A client that is gone, or takes nothing any more, has pressed Ctrl-C, in effect.
    if ((!text.empty() || kind == 'a') && !gone_ && !command::WriteFrame(client_, kind, text))
      gone_ = true;
  }

  const int client_;
  const std::atomic<int>& signals_;
  bool cancelled_ = false;  // of the working thread
  std::mutex mutex_;        // frames are written whole
  std::atomic<bool> gone_{false};
};

// Only the owner of the project: the socket's mode says so, and this checks it.
bool IsOwner(int client) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

Status Busy(std::string_view why) {
  return Status(Code::kUnavailable, fmt::format("the daemon did not begin the command: {}", why))
      .WithError("WH8047")
      .WithHint("run the command again");
}

// Where even memory for the proper form may be lacking. Throws nothing.
void PrintPlainly(int client, const Status& status) {
  const UseMemoryReserve reserve;
  try {
    command::WriteFrame(client, 'e',
                        "error[" + status.error_code() + "]: " + status.message() + "\n");
    command::WriteFrame(client, 'x', std::to_string(ExitCode(status.code())));
  } catch (...) {
    return;  // the client sees that the connection ends
  }
}

// Tells a client that no thread is had for why nothing is done.
void TurnAway(int client, const std::atomic<int>& signals, const Status& why) {
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kTurnedAwayPatience, sizeof(kTurnedAwayPatience));
  try {
    const auto invocation = command::ReadInvocation(client);
    if (!invocation.ok()) return;
    ClientStreams streams(client, signals);
    const int code = command::PrintError(*invocation, streams, why);
    command::WriteFrame(client, 'x', std::to_string(code));
  } catch (...) {
    PrintPlainly(client, StatusOfException());
  }
}

int RunOnce(const command::Invocation& invocation, ProjectHost& host, command::Streams& streams,
            bool mends, command::Aftermath* aftermath) {
  auto held = host.HostOfCommand();
  if (!held.ok()) return command::PrintError(invocation, streams, held.status());
  return command::RunInHost(invocation, streams, *held, mends, aftermath);
}

int RunRefreshed(const command::Invocation& invocation, ProjectHost& host,
                 command::Streams& streams) {
  try {
    if (const Status status = host.Refresh(); !status.ok())
      return command::PrintError(invocation, streams, status);
    auto aftermath = command::Aftermath::kNone;
    const int code = RunOnce(invocation, host, streams, /*mends=*/true, &aftermath);
    if (aftermath == command::Aftermath::kNone) return code;
    if (aftermath == command::Aftermath::kReplaced) {
      host.NoteReplaced();
      return code;
    }
    Status renewed = host.Renew();
    if (aftermath == command::Aftermath::kThrown) return code;
    if (renewed.ok()) renewed = host.Refresh();
    if (!renewed.ok()) return command::PrintError(invocation, streams, renewed);
    return RunOnce(invocation, host, streams, /*mends=*/false, &aftermath);
  } catch (...) {
    return command::PrintError(invocation, streams, StatusOfException());
  }
}

int RunFor(const command::Invocation& invocation, ProjectHost& host, command::Streams& streams) {
  const int code = RunRefreshed(invocation, host, streams);
  host.EndCommand();
  return code;
}

// What `work` throws is thrown where the promise is asked.
void Fulfil(std::promise<int>& promise, const std::function<int()>& work) {
  try {
    promise.set_value(work());
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

// On the working thread, when its turn comes.
int RunQueued(const command::Invocation& invocation, WorkQueue& queue, ProjectHost& host,
              ClientStreams& streams) {
  auto done = std::make_shared<std::promise<int>>();
  std::future<int> code = done->get_future();
  const bool queued =
      queue.Push([&, done] { Fulfil(*done, [&] { return RunFor(invocation, host, streams); }); });
  done.reset();  // the queue's copy is the last: dropped work breaks the promise
  if (!queued) {
    return command::PrintError(
        invocation, streams,
        Busy(fmt::format("it is stopping, or {} commands wait already", kQueueMax)));
  }
  // Not left before the work has ended, which uses what is ours.
  while (code.wait_for(command::kAliveEvery) == std::future_status::timeout) streams.SayAlive();
  try {
    return code.get();
  } catch (const std::future_error&) {
    return command::PrintError(
        invocation, streams,
        Status(Code::kUnavailable, "the daemon stopped before the command began")
            .WithError("WH8047")
            .WithHint("run the command again when it is there"));
  }
}
}  // namespace

Result<std::unique_ptr<CommandSocket>> CommandSocket::Start(ProjectHost& host, WorkQueue& queue,
                                                            const std::atomic<int>& signals) {
  WEIRHOUSE_TRY(const int listener, command::ListenAsDaemon(host.root()));
  std::unique_ptr<CommandSocket> socket(new CommandSocket(listener, host, queue, signals));
  WEIRHOUSE_TRY(socket->accepting_, StartThread([raw = socket.get()] { raw->AcceptAll(); }));
  return socket;
}

CommandSocket::CommandSocket(int listener, ProjectHost& host, WorkQueue& queue,
                             const std::atomic<int>& signals)
    : listener_(listener), host_(host), queue_(queue), signals_(signals) {}

CommandSocket::~CommandSocket() {
  stopping_ = true;
  if (accepting_.joinable()) accepting_.join();
  unlink(command::DaemonSocketPath(host_.root()).c_str());
  close(listener_);
  for (Talk& talk : talks_) talk.thread.join();
}

void CommandSocket::AcceptAll() {
  while (!stopping_) {
    Reap();
    pollfd watched{listener_, POLLIN, 0};
    if (poll(&watched, 1, kAcceptEveryMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    if (!IsOwner(client)) {
      close(client);
      continue;
    }
    try {
      WEIRHOUSE_FAILPOINT("daemon.command.admit");
      Admit(client);
    } catch (...) {
      TurnAway(client, signals_, StatusOfException());
      close(client);
    }
  }
}

void CommandSocket::Reap() {
  for (auto talk = talks_.begin(); talk != talks_.end();) {
    if (!talk->over) {
      ++talk;
      continue;
    }
    talk->thread.join();
    talk = talks_.erase(talk);
  }
}

void CommandSocket::Admit(int client) {
  Status refused;
  if (talks_.size() >= kClientsMax) {
    refused = Busy(fmt::format("{} terminals are served at once already", kClientsMax));
  } else {
    Talk& talk = talks_.emplace_back();
    Result<std::thread> thread = BeginTalk(client, talk);
    if (thread.ok()) {
      talk.thread = std::move(thread).value();
      return;
    }
    talks_.pop_back();
    refused = thread.status();
  }
  TurnAway(client, signals_, refused);
  close(client);
}

// The work may be more than there is memory for: that is an outcome, like no thread.
Result<std::thread> CommandSocket::BeginTalk(int client, Talk& talk) {
  try {
    return StartThread([this, client, &talk] {
      Serve(client);
      close(client);
      talk.over = true;
    });
  } catch (...) {
    return StatusOfException();
  }
}

void CommandSocket::Serve(int client) {
  // A client that connects and says nothing (a check whether we live) must not hold a thread.
  const timeval patience{10, 0};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  // Nor may one that is stopped hold the working thread when it takes no more of what is said.
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  ClientStreams streams(client, signals_);
  try {
    const auto invocation = command::ReadInvocation(client);
    if (!invocation.ok()) return;
    WEIRHOUSE_FAILPOINT("daemon.command.read");
    streams.Exit(RunQueued(*invocation, queue_, host_, streams));
  } catch (...) {
    PrintPlainly(client, StatusOfException());
  }
}

}  // namespace weirhouse::daemon
