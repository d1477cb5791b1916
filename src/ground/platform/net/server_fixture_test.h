// A server of a few routes, and a client that sends bytes as they are.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ground/platform/net/server.h"
#include "testing/testing.h"

namespace weirhouse::http {
using std::chrono::milliseconds;

inline constexpr char kToken[] = "wh_correct-horse";
inline constexpr char kGuest[] = "wh_guest";
inline constexpr char kExpired[] = "wh_expired";
inline constexpr char kHanging[] = "wh_hanging";  // its check waits until Release()
inline const std::string kHost = "Host: localhost\r\n";
inline const std::string kBearer = std::string("Authorization: Bearer ") + kToken + "\r\n";
inline const std::string kJson = "Content-Type: application/json\r\n";

// A raw socket, so that what is sent is exactly what the test says.
class Client {
 public:
  // `window_bytes`: what the system keeps for a client that does not read; 0: what it likes.
  explicit Client(std::uint16_t port, int window_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (window_bytes > 0)
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof window_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // One whole response (by content-length), or what came before the end or `longest`.
  std::string Receive(milliseconds longest = milliseconds(5'000), bool has_body = true) {
    while (true) {
      const std::size_t head = rest_.find("\r\n\r\n");
      if (head != std::string::npos) {
        std::size_t size = head + 4;
        const std::size_t length = rest_.find("Content-Length: ");
        if (has_body && length < head)
          size += static_cast<std::size_t>(std::stoul(rest_.substr(length + 16)));
        if (rest_.size() >= size) {
          std::string response = rest_.substr(0, size);
          rest_.erase(0, size);
          return response;
        }
      }
      if (!Fill(longest)) return std::exchange(rest_, "");
    }
  }
  // What comes up to `end` and with it; all there is where it does not come within `longest`.
  std::string ReceiveUntil(std::string_view end, milliseconds longest = milliseconds(5'000)) {
    while (true) {
      if (const std::size_t at = rest_.find(end); at != std::string::npos) {
        std::string text = rest_.substr(0, at + end.size());
        rest_.erase(0, at + end.size());
        return text;
      }
      if (!Fill(longest)) return std::exchange(rest_, "");
    }
  }
  // At most `bytes_max` bytes, once there are some; fewer than 0: it was cut, or nothing comes.
  ssize_t Take(std::size_t bytes_max, milliseconds longest = milliseconds(5'000)) {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(longest.count())) <= 0) return -1;
    std::vector<char> buffer(bytes_max);
    return recv(fd_, buffer.data(), buffer.size(), 0);
  }
  // Whether the server closes within `longest` without another byte.
  bool Closes(milliseconds longest = milliseconds(5'000)) {
    pollfd wait{fd_, POLLIN, 0};
    char byte = 0;
    return rest_.empty() && poll(&wait, 1, static_cast<int>(longest.count())) > 0 &&
           recv(fd_, &byte, 1, 0) <= 0;
  }

 private:
  bool Fill(milliseconds longest) {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(longest.count())) <= 0) return false;
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    rest_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  int fd_;
  std::string rest_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    options_.port = 0;
    options_.idle_max = milliseconds(400);
    options_.total_max = milliseconds(1'500);
    const Digest kept = Sha256Of(kToken);
    using Standing = Principal::Standing;
    const auto check = [this, kept](std::string_view token) -> Result<Standing> {
      if (token == kHanging) {
        std::unique_lock lock(mutex_);
        ++hanging_;
        changed_.wait(lock, [this] { return released_; });
        return Standing::kOwner;
      }
      if (TokenMatches(token, kept)) return Standing::kOwner;
      if (token == kGuest) return Standing::kGuest;
      if (token == kExpired) {
        return Status(Code::kPermissionDenied, "the token \"etl\" has expired").WithError("WH7092");
      }
      return UnknownToken();
    };
    options_.authenticator = std::make_shared<BearerAuthenticator>(check);
    options_.on_refusal = [this](const Refusal& refusal) {
      const std::lock_guard lock(mutex_);
      refusals_.push_back(refusal);
    };
  }

  void Start() {
    Router router;
    router.Add("GET", "/hello", [](const HttpRequest&) { return JsonResponse(200, "\"hi\""); });
    router.Add("GET", "/alive", [](const HttpRequest&) { return JsonResponse(200, "\"alive\""); },
               {.is_instant = true});
    router.Add("GET", "/secret", [](const HttpRequest&) { return JsonResponse(200, "1"); },
               {.requires_token = true});
    router.Add("GET", "/echo/{name}", [](const HttpRequest& request) {
      return JsonResponse(
          200, nlohmann::json({{"name", request.parameters.at("name")}, {"query", request.query}})
                   .dump());
    });
    router.Add("POST", "/sum", [this](const HttpRequest& request) {
      ++handled_;
      return JsonResponse(200, std::to_string(request.body.size()));
    });
    router.Add("POST", "/small", [](const HttpRequest&) { return JsonResponse(200, "1"); },
               {.body_bytes_max = 10});
    router.AddArea({.prefix = "/lake",
                    .requires_token = true,
                    .hands_over_token = true,
                    .free_names = true,
                    .error_form = [](const Fault& fault) {
                      return JsonResponse(fault.status, "lake says " + fault.code);
                    }});
    router.Add("GET", "/lake/{name}/x", [](const HttpRequest& request) {
      return JsonResponse(200, "[" + request.parameters.at("name") + "] " + request.token);
    });
    router.Add("HEAD", "/lake/{name}/x", [](const HttpRequest& request) {
      HttpResponse response;
      response.status = request.method == "HEAD" ? 204 : 500;
      return response;
    });
    router.Add("DELETE", "/lake/{name}/x", [](const HttpRequest&) {
      HttpResponse response;
      response.status = 204;
      return response;
    });
    router.Add("GET", "/lake/throws",
               [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("no"); });
    router.Add("GET", "/lake/slow",
               [this](const HttpRequest&) {
                 std::unique_lock lock(mutex_);
                 ++blocked_;
                 changed_.notify_all();
                 changed_.wait(lock, [this] { return released_; });
                 return JsonResponse(200, "\"slow\"");
               },
               {.is_slow = true});
    router.Add("GET", "/throws",
               [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("no"); });
    router.Add("GET", "/inject", [](const HttpRequest&) {
      HttpResponse response = JsonResponse(200, "1");
      response.headers.emplace_back("X-Name", "a\r\nSet-Cookie: b");
      return response;
    });
    router.Add("GET", "/block", [this](const HttpRequest&) {
      std::unique_lock lock(mutex_);
      ++blocked_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return released_; });
      return JsonResponse(200, "\"done\"");
    });
    if (more_routes_) more_routes_(router);
    auto server = HttpServer::Start(options_, std::move(router));
    ASSERT_OK(server);
    server_ = std::move(server).value();
  }
  void WaitUntilBlocked(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return blocked_ >= count; });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  std::string Ask(const std::string& request) {
    Client client(server_->port());
    client.Send(request);
    return client.Receive();
  }
  std::string Get(const std::string& target, const std::string& fields = "") {
    return Ask("GET " + target + " HTTP/1.1\r\n" + kHost + fields + "\r\n");
  }
  std::string Post(const std::string& target, const std::string& fields, const std::string& body) {
    return Ask("POST " + target + " HTTP/1.1\r\n" + kHost + fields +
               fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body);
  }

  ServerOptions options_;
  std::function<void(Router&)> more_routes_;
  std::atomic<int> handled_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int blocked_ = 0;
  std::atomic<int> hanging_ = 0;
  bool released_ = false;
  std::vector<Refusal> refusals_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace weirhouse::http
