#include "http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

namespace weirhouse::race {
namespace {
Status Broken(std::string_view what) {
  return Status(Code::kUnavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

// The value of a header field, whatever its case; empty if it is not there.
std::string FieldOf(std::string_view head, std::string_view name) {
  std::string lower(head);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t at = lower.find(fmt::format("\r\n{}: ", name));
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return lower.substr(begin, lower.find("\r\n", begin) - begin);
}
}  // namespace

Status HttpClient::Open() {
  if (socket_ >= 0) return Status();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Close();
    return Broken("could not connect");
  }
  const int yes = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  return Status();
}

void HttpClient::Close() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

Status HttpClient::Receive(std::string& buffer) {
  std::array<char, 1 << 16> chunk{};
  const ssize_t got = recv(socket_, chunk.data(), chunk.size(), 0);
  if (got <= 0) return Broken("the connection broke");
  buffer.append(chunk.data(), static_cast<std::size_t>(got));
  return Status();
}

Result<Answer> HttpClient::Exchange(const std::string& request) {
  std::size_t sent = 0;
  while (sent < request.size()) {
    const ssize_t more = send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) return Broken("could not send");
    sent += static_cast<std::size_t>(more);
  }
  std::string buffer;
  std::size_t end = std::string::npos;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    WEIRHOUSE_TRY_STATUS(Receive(buffer));
  }
  const std::string head = buffer.substr(0, end + 2);
  Answer answer;
  std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  std::size_t length = 0;
  const std::string text = FieldOf(head, "content-length");
  std::from_chars(text.data(), text.data() + text.size(), length);
  while (buffer.size() < end + 4 + length) WEIRHOUSE_TRY_STATUS(Receive(buffer));
  answer.body = buffer.substr(end + 4, length);
  if (FieldOf(head, "connection") == "close") Close();
  return answer;
}

Result<Answer> HttpClient::Ask(std::string_view method, const std::string& path,
                               const std::string& body, const std::string& idempotency_key) {
  WEIRHOUSE_TRY_STATUS(Open());
  std::string request = fmt::format(
      "{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n"
      "User-Agent: weirhouse race writer\r\nContent-Length: {}\r\n",
      method, path, port_, token_, body.size());
  if (!body.empty()) request += "Content-Type: application/json\r\n";
  if (!idempotency_key.empty()) request += fmt::format("Idempotency-Key: {}\r\n", idempotency_key);
  request += "\r\n" + body;
  Result<Answer> answer = Exchange(request);
  if (!answer.ok()) Close();
  return answer;
}
}  // namespace weirhouse::race
