// One connection: reads requests, admits and handles them, writes responses, in order.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/net/admission.h"
#include "ground/platform/net/lane.h"
#include "ground/platform/net/server.h"

namespace weirhouse::http {

// State shared by all sessions of a server. Outlives them.
struct SessionContext {
  const ServerOptions& options;
  const AdmissionRules& rules;
  const Router& router;
  Lane& quick;
  Lane& slow;
  Lane& token_lane;
  std::atomic<bool>& stopping;
  std::atomic<std::uint64_t>& body_bytes;  // of requests that are being read or handled
  std::atomic<std::size_t>& streams;       // responses that are being made while they are sent
};

// Threads: everything runs on the executor of the socket (a strand). Owned by its own coroutine.
class Session {
 public:
  Session(boost::asio::ip::tcp::socket socket, SessionContext& context);

  // Serves the connection until it ends. Closes the socket.
  boost::asio::awaitable<void> Run();
  // Cancels whatever has passed its deadline. Runs beside Run, and ends with it. Beast's own stream
  // closes the socket on a timeout, which leaves no way to answer 408.
  boost::asio::awaitable<void> Watch();
  // Called when Run has thrown: ends the connection, and Watch with it.
  void Abandon() noexcept;
  // Ends the connection now if no request is being handled, or in any case if `force`.
  void Close(bool force);
  auto executor() { return socket_.get_executor(); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  enum class Next : std::uint8_t { kKeep, kLinger, kClose };

  boost::asio::awaitable<Next> ServeOne();
  // Monostate: the body was read. Fault: it is refused. Error code: the connection has ended.
  boost::asio::awaitable<std::variant<std::monostate, Fault, boost::system::error_code>> ReadBody(
      Parser& parser, const Admission& admission, std::chrono::nanoseconds deadline);
  // Admit, with the authenticator run on a thread of `token_lane`.
  boost::asio::awaitable<std::variant<Admission, Fault>> Decide(const RequestHead& head);
  boost::asio::awaitable<Result<Principal>> Authenticate(const RequestHead& head);
  boost::asio::awaitable<HttpResponse> Handle(Admission& admission);
  boost::asio::awaitable<Next> Refuse(Fault fault);
  // Whether all of it went out.
  boost::asio::awaitable<bool> Write(const HttpResponse& response, bool keep_alive);
  enum class Ended : std::uint8_t { kWhole, kStopped, kCut };
  // A response whose body is made while it is sent.
  boost::asio::awaitable<Next> ServeStream(const HttpResponse& response, Lane& lane,
                                           bool is_http_1_0, bool keep_alive);
  // The same for a client of HTTP/1.0, which knows no chunks and takes a connection that was cut for
  // a body that ended: all of the body with its length, or an error.
  boost::asio::awaitable<Next> ServeWhole(const HttpResponse& response, Lane& lane,
                                          bool keep_alive);
  boost::asio::awaitable<HttpResponse> Gather(const HttpResponse& response, Lane& lane);
  // The head, `first`, and each piece when the one before it has gone out. `lane`: who makes them.
  // Of HEAD the head alone, and `first` is none.
  boost::asio::awaitable<Ended> WriteStream(const HttpResponse& response,
                                            std::optional<BodyStream::Piece> first, Lane& lane,
                                            bool keep_alive);
  boost::asio::awaitable<Result<BodyStream::Piece>> NextPiece(std::shared_ptr<BodyStream> stream,
                                                              Lane& lane);
  boost::asio::awaitable<bool> WritePiece(std::string_view bytes);
  boost::asio::awaitable<bool> WriteAll(std::string_view bytes);
  // Waits; false if the client has disconnected or the server stops.
  boost::asio::awaitable<bool> WaitFor(std::chrono::milliseconds time);
  bool ClientHasGone();
  boost::asio::awaitable<void> Linger();
  RequestHead HeadOf(const Parser& parser) const;

  void ExpireAfter(std::chrono::nanoseconds time);
  // For a write: once the other side has taken nothing for `total_max`, however much is left.
  void ExpireUnlessTaken();
  void ExpireNever() {
    deadline_ = std::chrono::nanoseconds::max();
    writes_ = false;
  }

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::chrono::nanoseconds deadline_ = std::chrono::nanoseconds::max();
  bool timed_out_ = false;
  bool writes_ = false;      // the deadline moves as the other side takes bytes
  std::uint64_t taken_ = 0;  // of them, when it was looked last
  bool done_ = false;
  boost::beast::flat_buffer buffer_;
  SessionContext& context_;
  std::string remote_;
  std::string method_;  // of the request at hand, for the audit line
  std::string target_;
  bool is_head_ = false;
  bool busy_ = false;
  boost::asio::steady_timer pause_;  // of a stream that waits for what comes next
  bool waits_ = false;               // on it
  bool gone_ = false;                // the client, while it was waited
};
}  // namespace weirhouse::http
