#include "testing/tcp_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "ground/base/status.h"
#include "testing/wait.h"

namespace weirhouse::testing {
namespace {
constexpr int kPollMs = 20;
constexpr std::chrono::milliseconds kDelay{300};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::string Receive(int socket) {
  std::array<char, 65'536> bytes;
  const ssize_t count = recv(socket, bytes.data(), bytes.size(), 0);
  return count <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(count));
}

bool Send(int socket, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool Readable(int socket) {
  pollfd wait{socket, POLLIN, 0};
  return poll(&wait, 1, 0) > 0;
}
}  // namespace

TcpProxy::TcpProxy(int server_port) : server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  WEIRHOUSE_CHECK(listener_ >= 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  WEIRHOUSE_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  WEIRHOUSE_CHECK(listen(listener_, 64) == 0);
  WEIRHOUSE_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

void TcpProxy::CutAt(const std::string& text, Cut cut, bool then_down) {
  const std::lock_guard lock(mutex_);
  then_down_ = then_down;
  text_ = text;
  cut_ = cut;
}

void TcpProxy::GoDown() {
  {
    const std::lock_guard lock(mutex_);
    down_ = true;
    ++generation_;
  }
  WEIRHOUSE_CHECK(WaitUntil([this] { return serving_ == 0; }));
}

void TcpProxy::Accept() {
  while (!stop_) {
    pollfd wait{listener_, POLLIN, 0};
    if (poll(&wait, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::lock_guard lock(mutex_);
    if (down_) {
      close(client);
      continue;
    }
    ++serving_;
    connections_.emplace_back([this, client, born = generation_.load()] {
      Serve(client, born);
      --serving_;
    });
  }
}

bool TcpProxy::Wanted(const std::string& message, Cut* cut) {
  const std::lock_guard lock(mutex_);
  if (text_.empty() || message.find(text_) == std::string::npos) return false;
  text_.clear();
  *cut = cut_;
  if (then_down_) down_ = true;
  ++cuts_;
  return true;
}

bool TcpProxy::PassClient(int client, int server) {
  const std::string message = Receive(client);
  Cut cut = Cut::kLoseMessage;
  if (!Wanted(message, &cut)) return !message.empty() && Send(server, message);
  if (cut == Cut::kLoseReply && Send(server, message)) Receive(server);
  if (down_) ++generation_;
  if (cut == Cut::kDelayMessage) {
    shutdown(client, SHUT_RDWR);
    std::this_thread::sleep_for(kDelay);
    if (Send(server, message)) Receive(server);
  }
  return false;
}

void TcpProxy::Serve(int client, int born) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(server_port_);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  while (open && !stop_ && born == generation_) {
    std::array<pollfd, 2> wait{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), kPollMs) <= 0) continue;
    if (Readable(server)) {
      const std::string reply = Receive(server);
      open = !reply.empty() && Send(client, reply);
    }
    if (open && Readable(client)) open = PassClient(client, server);
  }
  close(client);
  close(server);
}
}  // namespace weirhouse::testing
