#include "ground/platform/net/session.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <thread>
#include <tuple>

#include "ground/base/ascii.h"
#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"
#include "ground/platform/net/bytes_taken.h"
#include "ground/platform/net/response_head.h"

namespace weirhouse::http {
namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {
constexpr std::size_t kBufferBytesMax = 128 << 10;  // a header, or a chunk's first line
constexpr std::size_t kFirstReadBytes = 4 << 10;
constexpr std::size_t kLingerBytesMax = 1 << 20;
constexpr auto kLingerMax = std::chrono::seconds(2);
constexpr auto kLongestTick = std::chrono::seconds(1);
constexpr std::size_t kAuditBytesMax = 256;

Fault TooSlow() {
  return Fault{408, "WH8076", "the request came too slowly and was given up",
               "send it again over a better connection, or in smaller parts"};
}

Fault TooBusy(std::string why) {
  return Fault{429, "WH8081", std::move(why), "try again a little later", {{"Retry-After", "1"}}};
}

// Counts a body against the total while it lives. A single body may always use its full limit.
class Reservation {
 public:
  Reservation(std::atomic<std::uint64_t>& total, std::uint64_t bytes)
      : total_(total), bytes_(bytes), before_(total.fetch_add(bytes)) {}
  ~Reservation() { total_.fetch_sub(bytes_); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  std::uint64_t total() const { return before_ == 0 ? 0 : before_ + bytes_; }

 private:
  std::atomic<std::uint64_t>& total_;
  const std::uint64_t bytes_;
  const std::uint64_t before_;
};

enum class Stage : std::uint8_t { kTarget, kFields, kBody };

// The refusal of a request that could not be parsed; nothing if the connection has ended.
std::optional<Fault> FaultOfParseError(const error_code& error, Stage stage, bool timed_out) {
  using HttpError = beast::http::error;
  if (timed_out) return TooSlow();
  if (error == HttpError::body_limit)
    return Fault{413, "WH8077", "the body is larger than the limit"};
  if (error == HttpError::header_limit || error == HttpError::buffer_overflow) {
    if (stage == Stage::kTarget)
      return Fault{414, "WH8078", "the request's target is longer than 8 KiB"};
    if (stage == Stage::kFields)
      return Fault{431, "WH8079", "the request's header is larger than 16 KiB"};
    return Fault{400, "WH8070", "the first line of a chunk is too long"};
  }
  if (error == HttpError::end_of_stream || error == HttpError::partial_message) return std::nullopt;
  if (error.category() != beast::http::make_error_code(HttpError::bad_method).category())
    return std::nullopt;
  return Fault{400, "WH8070", fmt::format("the request is not HTTP/1.1: {}", error.message())};
}

// Runs on a worker.
std::variant<HttpResponse, Fault> CallHandler(const HttpHandler& handler,
                                              const HttpRequest& request) {
  try {
    WEIRHOUSE_FAILPOINT("http.handle");
    return handler(request);
  } catch (...) {
    const Status thrown = StatusOfException();
    if (thrown.code() == Code::kUnavailable)
      return Fault{503, thrown.error_code(), thrown.message(), thrown.hint()};
    return Fault{500, "WH8082", thrown.message(), "please report it"};
  }
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, SessionContext& context)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      buffer_(kBufferBytesMax),
      context_(context),
      pause_(socket_.get_executor()) {
  error_code error;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  const auto endpoint = socket_.remote_endpoint(error);
  if (!error) remote_ = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

void Session::Close(bool force) {
  if (waits_) pause_.cancel();
  if (busy_ && !force) return;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.cancel(ignored);
}

void Session::Abandon() noexcept {
  done_ = true;
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  pause_.cancel();
}

void Session::ExpireAfter(std::chrono::nanoseconds time) {
  deadline_ = SystemClock().Monotonic() + time;
  timed_out_ = false;
  writes_ = false;
}

void Session::ExpireUnlessTaken() {
  ExpireAfter(context_.options.total_max);
  writes_ = true;
  taken_ = BytesTaken(socket_.native_handle());
}

asio::awaitable<void> Session::Watch() {
  const auto tick = std::clamp<std::chrono::nanoseconds>(context_.options.idle_max / 8,
                                                         kShortestTick, kLongestTick);
  while (!done_) {
    timer_.expires_after(tick);
    const auto [error] = co_await timer_.async_wait(kAwaitable);
    if (error || done_) co_return;
    if (waits_ && ClientHasGone()) {
      gone_ = true;
      pause_.cancel();
    }
    // Not by what the system has room for: it makes room a large piece at a time.
    if (writes_) {
      if (const std::uint64_t taken = BytesTaken(socket_.native_handle()); taken > taken_) {
        taken_ = taken;
        deadline_ = SystemClock().Monotonic() + context_.options.total_max;
      }
    }
    if (SystemClock().Monotonic() < deadline_) continue;
    // Repeated with each tick: a composed operation may be between two of its steps.
    timed_out_ = true;
    error_code ignored;
    socket_.cancel(ignored);
  }
}

asio::awaitable<void> Session::Run() {
  Next next = Next::kKeep;
  while (next == Next::kKeep) next = co_await ServeOne();
  if (next == Next::kLinger) co_await Linger();
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  done_ = true;
  timer_.cancel();
}

asio::awaitable<Session::Next> Session::ServeOne() {
  busy_ = false;
  if (context_.stopping) co_return Next::kClose;
  if (buffer_.size() == 0) {
    ExpireAfter(context_.options.idle_max);
    const auto [error, bytes] =
        co_await socket_.async_read_some(buffer_.prepare(kFirstReadBytes), kAwaitable);
    if (error) co_return Next::kClose;  // no request has begun
    buffer_.commit(bytes);
  }
  busy_ = true;
  WEIRHOUSE_FAILPOINT("http.request");
  method_.clear();
  target_.clear();
  is_head_ = false;
  const auto deadline = SystemClock().Monotonic() + context_.options.total_max;

  Parser parser;
  parser.header_limit(context_.options.header_bytes_max);
  parser.body_limit(boost::none);  // judged by Admit, and set before the body is read
  ExpireAfter(context_.options.idle_max);
  const auto [header_error, header_bytes] =
      co_await beast::http::async_read_header(socket_, buffer_, parser, kAwaitable);
  if (header_error) {
    const auto target = parser.get().target();
    target_ = std::string(target.substr(0, target.find('?')));
    auto fault = FaultOfParseError(header_error, target_.empty() ? Stage::kTarget : Stage::kFields,
                                   timed_out_);
    if (!fault) co_return Next::kClose;
    co_return co_await Refuse(*std::move(fault));
  }

  const RequestHead head = HeadOf(parser);
  method_ = head.method;
  target_ = head.target.substr(0, head.target.find('?'));
  is_head_ = head.method == "HEAD";
  auto decision = co_await Decide(head);
  if (auto* refusal = std::get_if<Fault>(&decision)) co_return co_await Refuse(std::move(*refusal));
  Admission& admission = std::get<Admission>(decision);
  const Reservation room(context_.body_bytes, admission.body_bytes_expected);
  if (room.total() > context_.options.body_bytes_total_max)
    co_return co_await Refuse(TooBusy("too many large bodies are being read"));

  auto body = co_await ReadBody(parser, admission, deadline);
  if (std::holds_alternative<error_code>(body)) co_return Next::kClose;
  if (auto* refusal = std::get_if<Fault>(&body)) co_return co_await Refuse(std::move(*refusal));
  admission.request.body = std::move(parser.get().body());

  HttpResponse response = co_await Handle(admission);
  bool keep_alive = parser.get().keep_alive() && !context_.stopping;
  if (response.stream == nullptr) {
    const bool written = co_await Write(response, keep_alive);
    co_return written&& keep_alive ? Next::kKeep : written ? Next::kLinger : Next::kClose;
  }
  co_return co_await ServeStream(response, admission.is_slow ? context_.slow : context_.quick,
                                 head.is_http_1_0, keep_alive);
}

asio::awaitable<Session::Next> Session::ServeStream(const HttpResponse& response, Lane& lane,
                                                    bool is_http_1_0, bool keep_alive) {
  const Place place(context_.streams);
  if (place.before() >= context_.options.streams_max) {
    const bool told = co_await Write(
        context_.router.Form(target_, TooBusy("too many streams are being read")), keep_alive);
    co_return told&& keep_alive ? Next::kKeep : told ? Next::kLinger : Next::kClose;
  }
  if (is_http_1_0) co_return co_await ServeWhole(response, lane, keep_alive);
  std::optional<BodyStream::Piece> first;
  if (!is_head_) {
    Result<BodyStream::Piece> piece = co_await NextPiece(response.stream, lane);
    if (!piece.ok()) {  // nothing was sent yet: answer with an ordinary response
      const bool told = co_await Write(ErrorResponse(piece.status()), keep_alive);
      co_return told&& keep_alive ? Next::kKeep : told ? Next::kLinger : Next::kClose;
    }
    first = std::move(piece).value();
  }
  const Ended ended = co_await WriteStream(response, std::move(first), lane, keep_alive);
  if (ended == Ended::kCut) co_return Next::kClose;
  co_return ended == Ended::kWhole&& keep_alive ? Next::kKeep : Next::kLinger;
}

RequestHead Session::HeadOf(const Parser& parser) const {
  RequestHead head;
  const auto& message = parser.get();
  head.method = std::string(message.method_string());
  head.target = std::string(message.target());
  head.is_http_1_0 = message.version() == 10;
  head.remote = remote_;
  for (const auto& field : message) {
    const std::string name(field.name_string());
    head.fields.emplace_back(LowerCase(name), std::string(field.value()));
  }
  return head;
}

asio::awaitable<std::variant<std::monostate, Fault, error_code>> Session::ReadBody(
    Parser& parser, const Admission& admission, std::chrono::nanoseconds deadline) {
  if (admission.expects_continue && !parser.is_done() && buffer_.size() == 0) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    ExpireAfter(context_.options.idle_max);
    const auto [error, bytes] = co_await asio::async_write(
        socket_, asio::buffer(kContinue.data(), kContinue.size()), kAwaitable);
    if (error) co_return error;
  }
  parser.body_limit(admission.body_bytes_max);
  while (!parser.is_done()) {
    const auto left = deadline - SystemClock().Monotonic();
    if (left.count() <= 0) co_return TooSlow();
    ExpireAfter(std::min<std::chrono::nanoseconds>(left, context_.options.idle_max));
    const auto [error, bytes] =
        co_await beast::http::async_read_some(socket_, buffer_, parser, kAwaitable);
    if (!error) continue;
    auto fault = FaultOfParseError(error, Stage::kBody, timed_out_);
    if (!fault) co_return error;
    co_return *std::move(fault);
  }
  co_return std::monostate();
}

asio::awaitable<HttpResponse> Session::Handle(Admission& admission) {
  Lane& lane = admission.is_slow ? context_.slow : context_.quick;
  const Place place(lane.in_flight);
  if (place.before() >= context_.options.queue_max)
    co_return context_.router.Form(target_, TooBusy("too many requests are being worked on"));
  ExpireNever();
  using Answer = std::variant<HttpResponse, Fault>;
  std::optional<Answer> answer;
  if (admission.is_instant) {
    answer = CallHandler(*admission.handler, admission.request);
  } else {
    const auto task =
        std::make_shared<Task<Answer>>(socket_.get_executor(), context_.options.begin_max);
    Dispatch(
        lane, task, [call = &admission] { return CallHandler(*call->handler, call->request); },
        [] {
          return Fault{503, std::string(kNoMemoryError.code()), "not enough memory",
                       "try again a little later"};
        });
    auto [waited] = co_await task->ready.async_wait(kAwaitable);
    if (!task->answer && !task->taken.exchange(true)) {
      co_return context_.router.Form(target_, Fault{503,
                                                    "WH8081",
                                                    "no worker is free for the request",
                                                    "try again a little later",
                                                    {{"Retry-After", "1"}}});
    }
    while (!task->answer) {  // the handler has started and uses the request
      task->ready.expires_at(asio::steady_timer::time_point::max());
      std::tie(waited) = co_await task->ready.async_wait(kAwaitable);
    }
    answer = std::move(task->answer);
  }
  if (const Fault* fault = std::get_if<Fault>(&*answer))
    co_return context_.router.Form(target_, *fault);
  co_return std::get<HttpResponse>(*std::move(answer));
}

asio::awaitable<std::variant<Admission, Fault>> Session::Decide(const RequestHead& head) {
  const Authenticator* authenticator = context_.options.authenticator.get();
  bool asked = false;
  auto decision = Admit(head, context_.rules, context_.router, authenticator, [&] {
    asked = true;
    return Result<Principal>(UnknownToken());
  });
  if (!asked) co_return decision;
  const Result<Principal> principal = co_await Authenticate(head);
  decision = Admit(head, context_.rules, context_.router, authenticator, [&] { return principal; });
  co_return decision;
}

asio::awaitable<Result<Principal>> Session::Authenticate(const RequestHead& head) {
  const auto unknown = [](std::string why, std::string_view code) {
    return Status(Code::kUnavailable, std::move(why)).WithError(std::string(code));
  };
  const auto place = std::make_shared<Place>(context_.token_lane.in_flight);
  if (place->before() >= context_.options.queue_max)
    co_return unknown("too many are being checked", "WH8081");
  ExpireNever();
  const auto task =
      std::make_shared<Task<Result<Principal>>>(socket_.get_executor(), context_.options.token_max);
  Dispatch(
      context_.token_lane, task,
      [place, head, authenticator = context_.options.authenticator]() -> Result<Principal> {
        try {
          return authenticator->Authenticate(head);
        } catch (...) {
          const Status thrown = StatusOfException();
          return Status(Code::kUnavailable, thrown.message()).WithError(thrown.error_code());
        }
      },
      [unknown] { return Result<Principal>(unknown("not enough memory", kNoMemoryError.code())); });
  co_await task->ready.async_wait(kAwaitable);
  if (task->answer) co_return *task->answer;
  task->taken = true;  // work that has not started by now is dropped
  co_return unknown("the catalog did not answer in time", "WH8046");
}

asio::awaitable<Session::Next> Session::Refuse(Fault fault) {
  if (context_.options.on_refusal) {
    Refusal refusal;
    refusal.remote = remote_;
    refusal.method = EscapeControl(std::string_view(method_).substr(0, kAuditBytesMax));
    refusal.target = EscapeControl(std::string_view(target_).substr(0, kAuditBytesMax));
    refusal.status = fault.status;
    refusal.code = fault.code;
    context_.options.on_refusal(refusal);
  }
  const bool written = co_await Write(context_.router.Form(target_, fault), /*keep_alive=*/false);
  co_return written ? Next::kLinger : Next::kClose;
}

asio::awaitable<bool> Session::Write(const HttpResponse& response, bool keep_alive) {
  const bool has_body = !is_head_ && HasBody(response);
  beast::http::response<beast::http::span_body<const char>> message;
  SetHead(message, response, keep_alive);
  if (has_body) message.body() = {response.body.data(), response.body.size()};
  beast::http::response_serializer<beast::http::span_body<const char>> serializer(message);
  ExpireUnlessTaken();
  const auto [error, bytes] = co_await beast::http::async_write(socket_, serializer, kAwaitable);
  co_return !error;
}

// Keeps reading for a short time after the last response: closing while the client still sends
// would reset the connection and could discard the response.
asio::awaitable<void> Session::Linger() {
  busy_ = false;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const auto deadline = SystemClock().Monotonic() + kLingerMax;
  std::array<char, kFirstReadBytes> scratch;
  std::size_t total = 0;
  while (total < kLingerBytesMax && !context_.stopping) {
    const auto left = deadline - SystemClock().Monotonic();
    if (left.count() <= 0) co_return;
    ExpireAfter(left);
    const auto [error, bytes] = co_await socket_.async_read_some(asio::buffer(scratch), kAwaitable);
    if (error) co_return;
    total += bytes;
  }
}
}  // namespace weirhouse::http
