// A proxy that can cut the connection to a server at a chosen message. Never linked into the
// product.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weirhouse::testing {

// What happens to the message that contains the text.
enum class Cut {
  kLoseMessage,   // it never arrives; both sides see the connection end
  kLoseReply,     // it arrives and is answered; the answer is lost, then both sides are cut off
  kDelayMessage,  // the client is cut off at once; the message arrives 300 ms later all the same
};

// Passes bytes between clients and one server on the loopback. Threads: any.
class TcpProxy {
 public:
  explicit TcpProxy(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }
  // Cuts once, at the next client message that contains `text`. `then_down`: then stays down.
  void CutAt(const std::string& text, Cut cut, bool then_down = false);
  // Cuts all connections and refuses new ones until Restore. When it returns, both sides of each
  // have been notified.
  void GoDown();
  void Restore() { down_ = false; }
  int cuts() const { return cuts_; }

 private:
  void Accept();
  void Serve(int client, int born);
  // False ends the connection.
  bool PassClient(int client, int server);
  bool Wanted(const std::string& message, Cut* cut);

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> down_ = false;
  std::atomic<int> generation_ = 0;  // connections that were born in an earlier one end
  std::atomic<int> serving_ = 0;     // connections that have not ended
  std::atomic<int> cuts_ = 0;
  std::mutex mutex_;
  std::string text_;  // guarded by mutex_, as is cut_; empty = cut nothing
  Cut cut_ = Cut::kLoseMessage;
  bool then_down_ = false;                // guarded by mutex_
  std::vector<std::thread> connections_;  // guarded by mutex_
  std::thread acceptor_;
};
}  // namespace weirhouse::testing
