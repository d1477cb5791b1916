// A blocking HTTP/1.1 client for a port of this machine. For the race test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::race {

struct Answer {
  int status = 0;
  std::string body;
};

// One connection at a time, opened anew when it broke. Threads: one.
class HttpClient {
 public:
  HttpClient(std::uint16_t port, std::string token) : port_(port), token_(std::move(token)) {}
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // kUnavailable: the connection broke before the whole answer was there; what became of the
  // request is unknown.
  Result<Answer> Ask(std::string_view method, const std::string& path, const std::string& body = "",
                     const std::string& idempotency_key = "");

 private:
  Status Open();
  void Close();
  Result<Answer> Exchange(const std::string& request);
  Status Receive(std::string& buffer);

  const std::uint16_t port_;
  const std::string token_;
  int socket_ = -1;
};
}  // namespace weirhouse::race
