// Takes commands over the project's socket and has the working thread run them.
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

// Threads: owns one that accepts and one for each client.
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
  // Joins the threads whose client is served: each keeps its stack until then.
  void Reap();
  void Serve(int client);

  const int listener_;
  ProjectHost& host_;
  WorkQueue& queue_;
  const std::atomic<int>& signals_;  // Ctrl-C or SIGTERM: commands at hand are cancelled
  std::atomic<bool> stopping_{false};
  std::list<Talk> talks_;  // of the accepting thread only, until it has ended
  std::thread accepting_;
};
}  // namespace weirhouse::daemon
