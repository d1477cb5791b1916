// A bounded load of keep-alive requests on a loopback port, one thread and connection each.
//
//   http_load --port P --connections N --requests M --name NAME --path /v1/… [--body JSON]
//             [--token T] [--server_pid PID]
//
// Each connection sends its share one by one and waits for each answer, which must be a 200.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "measure.h"

namespace weirhouse::bench {
namespace {
Status Broken(std::string_view what) {
  return Status(Code::kUnavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      Fail(Broken("could not connect"));
    }
    const int yes = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Bytes of the answer's body.
  std::size_t Ask(const std::string& request) {
    if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      Fail(Broken("could not send"));
    }
    buffer_.clear();
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) Receive();
    if (!buffer_.starts_with("HTTP/1.1 200")) {
      Fail(Status(Code::kInternal, "not a 200: " + buffer_.substr(0, 400)));
    }
    const std::size_t length = LengthOf(buffer_.substr(0, end));
    while (buffer_.size() < end + 4 + length) Receive();
    return length;
  }

 private:
  static std::size_t LengthOf(std::string head) {
    for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::string name = "content-length:";
    const std::size_t at = head.find(name);
    if (at == std::string::npos) Fail(Status(Code::kInternal, "an answer without its length"));
    return std::stoul(head.substr(at + name.size()));
  }
  void Receive() {
    char bytes[16384];
    const ssize_t got = recv(socket_, bytes, sizeof(bytes), 0);
    if (got <= 0) Fail(Broken("the server closed the connection"));
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }

  int socket_;
  std::string buffer_;
};

std::string RequestText(const Arguments& arguments) {
  const std::string body = arguments.Text("--body", "");
  const std::string token = arguments.Text("--token", "");
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", body.empty() ? "GET" : "POST",
                  arguments.Text("--path"), arguments.Text("--port"));
  if (!token.empty()) text += fmt::format("authorization: Bearer {}\r\n", token);
  if (!body.empty()) {
    text += fmt::format("content-type: application/json\r\ncontent-length: {}\r\n", body.size());
  }
  return text + "\r\n" + body;
}

// CPU milliseconds of another process, from the kernel's accounting (ticks of 10 ms).
double CpuMsOf(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return 1e3 * (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void Load(const Arguments& arguments) {
  const auto port = static_cast<std::uint16_t>(arguments.Number("--port", 0));
  const std::int64_t connections = arguments.Number("--connections", 1);
  const std::int64_t requests = arguments.Number("--requests", 1000);
  const std::string pid = arguments.Text("--server_pid", "");
  const std::string request = RequestText(arguments);
  std::mutex mutex;
  std::vector<double> us;
  std::size_t body_bytes = 0;
  {
    Connection warm(port);
    for (int i = 0; i < 50; ++i) body_bytes = warm.Ask(request);
  }
  const double cpu_before = pid.empty() ? 0 : CpuMsOf(pid);
  const Stopwatch all;
  std::vector<std::thread> threads;
  for (std::int64_t c = 0; c < connections; ++c) {
    threads.emplace_back([&] {
      Connection connection(port);
      std::vector<double> mine;
      for (std::int64_t i = 0; i < requests / connections; ++i) {
        const Stopwatch one;
        connection.Ask(request);
        mine.push_back(1e3 * one.WallMs());
      }
      const std::lock_guard lock(mutex);
      us.insert(us.end(), mine.begin(), mine.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = all.WallMs() / 1e3;
  const double count = static_cast<double>(us.size());
  const double server_us = pid.empty() ? 0 : 1e3 * (CpuMsOf(pid) - cpu_before) / count;
  Report({{"name", arguments.Text("--name")},
          {"value", Percentile(us, 0.5)},
          {"unit", "µs"},
          {"p99", Percentile(us, 0.99)},
          {"requests_per_second", count / seconds},
          {"cpu_ms", server_us / 1e3},
          {"note", fmt::format("p99 {:.0f} µs, {:.0f} requests/s; {} "
                               "connections, {} requests, {} bytes each",
                               Percentile(us, 0.99), count / seconds, connections, us.size(),
                               body_bytes)}});
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  using namespace weirhouse::bench;
  Load(Arguments(argc, argv,
                 {"--port", "--connections", "--requests", "--name", "--path", "--body", "--token",
                  "--server_pid"}));
  return 0;
}
