// An HTTP/1.1 server that treats every client as hostile (RFC 9110, RFC 9112).
//
// In this order, each with its answer and before anything costs much: size of the header (431) and
// target (414), syntax (400), Host (403) and Origin (403) against rebinding and foreign pages, the
// token (401) for everything but open reads, the route (404, 405), type (415) and size (413) of the
// body, slowness (408), numbers (429). Handlers and the authenticator run on pools of their own; the
// threads that speak to sockets never block. A response is one write, or a stream of pieces, each
// made when the one before it has gone out (message.h: BodyStream). A client of HTTP/1.0 could not
// tell a stream that was cut from one that ended: it gets the whole with its length, up to 1 MiB, or
// 505. Connections are kept and may be pipelined.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/net/authenticator.h"
#include "ground/platform/net/message.h"
#include "ground/platform/net/router.h"

namespace weirhouse::http {

// One refused request, for the audit log. Texts are escaped and hold no secret.
struct Refusal {
  std::string remote;
  std::string method;
  std::string target;  // cut at 256 bytes, without its query
  int status = 0;
  std::string code;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // any other than loopback needs an authenticator
  std::uint16_t port = 8642;          // 0 = any free port, see port()
  int threads = 2;                    // for sockets: they only move bytes
  int workers = 4;                    // for handlers
  int slow_workers = 4;               // for routes with is_slow
  int token_workers = 2;              // for the authenticator
  std::vector<std::string> hosts;     // names accepted in Host beside localhost, 127.0.0.1, [::1]

  // Identifies the sender of a request. Null: every request that needs a token is refused. It runs
  // on threads of its own; if it takes longer than token_max the request is refused (503).
  std::shared_ptr<const Authenticator> authenticator;
  std::function<void(const Refusal&)> on_refusal;  // any thread; must be quick

  std::uint32_t header_bytes_max = 16 << 10;
  std::chrono::milliseconds idle_max{10'000};  // between bytes, between requests, for the header
  // For one whole request to come. For a response to go on where its client takes nothing: one that
  // takes a little at a time goes on, as far as its system tells. That tells of small pieces together,
  // when about half of what it keeps for a reader was taken: by default 64 to 128 KiB. A handler has
  // what time it needs.
  std::chrono::milliseconds total_max{60'000};
  std::chrono::milliseconds token_max{5'000};  // for the authenticator
  // For waiting until a worker is free; then 503. A handler that has started may take longer.
  std::chrono::milliseconds begin_max{10'000};
  std::size_t connections_max = 1024;  // further ones get 429 and are closed
  std::size_t queue_max = 256;         // requests running or queued, per kind of worker; then 429
  std::size_t streams_max = 64;        // concurrent streams; then 429
  std::uint64_t body_bytes_total_max = 512 << 20;  // of all current requests together; then 429
  std::chrono::milliseconds stop_grace{5'000};     // for requests in flight when the server stops
};

// Threads: Start and Stop from one; the rest from any.
class HttpServer {
 public:
  //   kUnavailable       the port is in use (WH8002), or the address is not available (WH8061)
  //   kPermissionDenied  not a loopback address, and there is no token (WH8060)
  //   kInvalidInput      not an address (WH8061)
  static Result<std::unique_ptr<HttpServer>> Start(ServerOptions options, Router router);
  // Calls Stop.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  std::size_t connection_count() const;

  // Stops accepting connections, closes idle ones, waits up to stop_grace for requests in flight,
  // then closes the rest. A stream that waits for its next piece ends at once. Idempotent. Waits
  // without limit for a handler that never returns.
  void Stop();

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};
}  // namespace weirhouse::http
