// Responses that are made while they are sent.
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <string>
#include <tuple>
#include <utility>

#include "ground/base/thread.h"
#include "ground/platform/net/response_head.h"
#include "ground/platform/net/session.h"

namespace weirhouse::http {
namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {
// Of a body for a client of HTTP/1.0. As many as streams_max are in memory at once.
constexpr std::size_t kWholeBytesMax = 1 << 20;

HttpResponse ChunksNeeded(std::string_view why) {
  return ErrorResponse(505, "WH8083", fmt::format("the answer cannot be sent by HTTP/1.0: {}", why),
                       "ask by HTTP/1.1");
}
}  // namespace

asio::awaitable<Session::Next> Session::ServeWhole(const HttpResponse& response, Lane& lane,
                                                   bool keep_alive) {
  bool written = false;
  if (is_head_) {
    written = co_await Write(response, keep_alive);
  } else {
    const HttpResponse whole = co_await Gather(response, lane);
    written = co_await Write(whole, keep_alive);
  }
  co_return written&& keep_alive ? Next::kKeep : written ? Next::kLinger : Next::kClose;
}

asio::awaitable<HttpResponse> Session::Gather(const HttpResponse& response, Lane& lane) {
  HttpResponse whole;
  whole.status = response.status;
  whole.content_type = response.content_type;
  whole.headers = response.headers;
  while (true) {
    Result<BodyStream::Piece> piece = co_await NextPiece(response.stream, lane);
    if (!piece.ok()) co_return ErrorResponse(piece.status());
    whole.body += piece->bytes;
    if (whole.body.size() > kWholeBytesMax) co_return ChunksNeeded("it is larger than 1 MiB");
    if (piece->is_last) co_return whole;
    if (piece->again_in.count() > 0) co_return ChunksNeeded("it goes on as things happen");
  }
}

asio::awaitable<Session::Ended> Session::WriteStream(const HttpResponse& response,
                                                     std::optional<BodyStream::Piece> first,
                                                     Lane& lane, bool keep_alive) {
  beast::http::response<beast::http::empty_body> message;
  SetHead(message, response, keep_alive);
  message.chunked(true);
  beast::http::response_serializer<beast::http::empty_body> serializer(message);
  ExpireUnlessTaken();
  const auto [error, bytes] =
      co_await beast::http::async_write_header(socket_, serializer, kAwaitable);
  if (error) co_return Ended::kCut;
  Ended ended = Ended::kWhole;
  while (first) {
    const BodyStream::Piece piece = *std::exchange(first, std::nullopt);
    if (!co_await WritePiece(piece.bytes)) co_return Ended::kCut;
    if (piece.is_last) break;
    if (piece.again_in.count() > 0 && !co_await WaitFor(piece.again_in)) {
      if (!context_.stopping) co_return Ended::kCut;
      ended = Ended::kStopped;
      break;
    }
    Result<BodyStream::Piece> next = co_await NextPiece(response.stream, lane);
    if (!next.ok()) co_return Ended::kCut;
    first = std::move(next).value();
  }
  if (is_head_) co_return ended;
  ExpireUnlessTaken();
  const auto [last_error, last_bytes] =
      co_await asio::async_write(socket_, beast::http::make_chunk_last(), kAwaitable);
  co_return last_error ? Ended::kCut : ended;
}

asio::awaitable<Result<BodyStream::Piece>> Session::NextPiece(std::shared_ptr<BodyStream> stream,
                                                              Lane& lane) {
  using Piece = Result<BodyStream::Piece>;
  const auto no_memory = [] {
    return Piece(Status(Code::kUnavailable, "not enough memory").WithError(kNoMemoryError));
  };
  const Place place(lane.in_flight);
  ExpireNever();
  const auto task =
      std::make_shared<Task<Piece>>(socket_.get_executor(), context_.options.begin_max);
  Dispatch(
      lane, task,
      [stream]() -> Piece {
        try {
          return stream->Next();
        } catch (...) {
          return StatusOfException();
        }
      },
      no_memory);
  auto [waited] = co_await task->ready.async_wait(kAwaitable);
  if (!task->answer && !task->taken.exchange(true)) {
    co_return Status(Code::kUnavailable, "no worker is free to continue the response")
        .WithError("WH8081");
  }
  while (!task->answer) {  // it has begun
    task->ready.expires_at(asio::steady_timer::time_point::max());
    std::tie(waited) = co_await task->ready.async_wait(kAwaitable);
  }
  co_return *std::move(task->answer);
}

asio::awaitable<bool> Session::WritePiece(std::string_view bytes) {
  if (bytes.empty()) co_return true;  // an empty chunk would be the last
  const std::string head = fmt::format("{:x}\r\n", bytes.size());
  if (!co_await WriteAll(head) || !co_await WriteAll(bytes)) co_return false;
  co_return co_await WriteAll("\r\n");
}

asio::awaitable<bool> Session::WriteAll(std::string_view bytes) {
  ExpireUnlessTaken();
  const auto [error, written] = co_await asio::async_write(
      socket_, asio::const_buffer(bytes.data(), bytes.size()), kAwaitable);
  co_return !error;
}

asio::awaitable<bool> Session::WaitFor(std::chrono::milliseconds time) {
  if (context_.stopping) co_return false;
  ExpireNever();
  gone_ = false;
  waits_ = true;
  pause_.expires_after(time);
  co_await pause_.async_wait(kAwaitable);
  waits_ = false;
  co_return !gone_ && !done_ && !context_.stopping;
}

// Peeks instead of reading, so that a pipelined request stays in the buffer: it only checks whether
// the client has closed the connection. A client that has shut down only its sending half counts as
// closed too.
bool Session::ClientHasGone() {
  char byte = 0;
  const ssize_t got = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return false;
  return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
}  // namespace weirhouse::http
