#include "daemon/command_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>

#include "command/daemon_link.h"

namespace weirhouse::daemon {
namespace {
constexpr int kAcceptEveryMs = 200;

// Sends what a verb prints to the client that asked.
class ClientStreams : public command::Streams {
 public:
  ClientStreams(int client, const std::atomic<int>& signals) : client_(client), signals_(signals) {}
  void Out(std::string_view text) override { Write('o', text); }
  void Err(std::string_view text) override { Write('e', text); }
  // So that the client can tell a daemon that works from one that is stopped. From any thread.
  void SayAlive() { Write('a', ""); }
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

int RunFor(const command::Invocation& invocation, ProjectHost& host, ClientStreams& streams) {
  if (const Status status = host.Refresh(); !status.ok())
    return command::PrintError(invocation, streams, status);
  auto lease = host.Take();
  if (!lease.ok()) return command::PrintError(invocation, streams, lease.status());
  return command::RunCommand(invocation, streams, lease->host());
}
}  // namespace

Result<std::unique_ptr<CommandSocket>> CommandSocket::Start(ProjectHost& host, WorkQueue& queue,
                                                            const std::atomic<int>& signals) {
  WEIRHOUSE_TRY(const int listener, command::ListenAsDaemon(host.root()));
  return std::unique_ptr<CommandSocket>(new CommandSocket(listener, host, queue, signals));
}

CommandSocket::CommandSocket(int listener, ProjectHost& host, WorkQueue& queue,
                             const std::atomic<int>& signals)
    : listener_(listener), host_(host), queue_(queue), signals_(signals), accepting_([this] {
        Accept();
      }) {}

CommandSocket::~CommandSocket() {
  stopping_ = true;
  accepting_.join();
  unlink(command::DaemonSocketPath(host_.root()).c_str());
  close(listener_);
  for (std::thread& thread : threads_) thread.join();
}

void CommandSocket::Accept() {
  while (!stopping_) {
    pollfd watched{listener_, POLLIN, 0};
    if (poll(&watched, 1, kAcceptEveryMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    if (!IsOwner(client) || clients_ >= kClientsMax) {
      close(client);
      continue;
    }
    ++clients_;
    threads_.emplace_back([this, client] {
      Serve(client);
      close(client);
      --clients_;
    });
  }
}

void CommandSocket::Serve(int client) {
  // A client that connects and says nothing (a check whether we live) must not hold a thread.
  const timeval patience{10, 0};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  // Nor may one that is stopped hold the working thread when it takes no more of what is said.
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  ClientStreams streams(client, signals_);
  const auto invocation = command::ReadInvocation(client);
  if (!invocation.ok()) return;
  auto done = std::make_shared<std::promise<int>>();
  std::future<int> code = done->get_future();
  const bool queued =
      queue_.Push([&, done] { done->set_value(RunFor(*invocation, host_, streams)); });
  done.reset();  // the queue's copy is the last: dropped work breaks the promise
  if (!queued) {
    command::PrintError(*invocation, streams,
                        Status(Code::kUnavailable, "the daemon is stopping or has too much to do")
                            .WithError("WH8047")
                            .WithHint("run the command again"));
    streams.Exit(8);
    return;
  }
  while (code.wait_for(command::kAliveEvery) == std::future_status::timeout) streams.SayAlive();
  try {
    streams.Exit(code.get());
  } catch (const std::future_error&) {
    streams.Err("error[WH8047]: the daemon stopped before the command began\n");
    streams.Exit(8);
  }
}
}  // namespace weirhouse::daemon
