// Takes commands over the project's socket and runs them on the working thread.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "app/daemon/project_host.h"
#include "app/daemon/work_queue.h"

namespace weirhouse::daemon {

inline constexpr int kClientsMax = 32;

// Threads: owns one that accepts connections and one for each client.
class CommandSocket {
 public:
  static Result<std::unique_ptr<CommandSocket>> Start(ProjectHost& host, WorkQueue& queue,
                                                      const std::atomic<int>& signals);
  // Waits for the clients; the queue must have been stopped.
  ~CommandSocket();
  CommandSocket(const CommandSocket&) = delete;
  CommandSocket& operator=(const CommandSocket&) = delete;

 private:
  CommandSocket(int listener, ProjectHost& host, WorkQueue& queue, const std::atomic<int>& signals);
  struct Talk {
    std::thread thread;
    std::atomic<bool> over{false};
  };
  void AcceptAll();
  void Admit(int client);
  Result<std::thread> BeginTalk(int client, Talk& talk);
  // Joins the threads whose client is served; until then each keeps its stack.
  void Reap();
  void Serve(int client);

  const int listener_;
  ProjectHost& host_;
  WorkQueue& queue_;
  const std::atomic<int>& signals_;  // Ctrl-C or SIGTERM: running commands are cancelled
  std::atomic<bool> stopping_{false};
  std::list<Talk> talks_;  // used by the accepting thread alone, until it has ended
  std::thread accepting_;
};
}  // namespace weirhouse::daemon
