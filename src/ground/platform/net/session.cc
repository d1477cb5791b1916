#include "ground/platform/net/session.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <thread>
#include <tuple>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"

namespace weirhouse::http {
namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {
// Every operation gives its error as a value; none throws.
constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBufferBytesMax = 128 << 10;  // a header, or a chunk's first line
constexpr std::size_t kFirstReadBytes = 4 << 10;
constexpr std::size_t kLingerBytesMax = 1 << 20;
constexpr auto kLingerMax = std::chrono::seconds(2);
constexpr auto kShortestTick = std::chrono::milliseconds(10);
constexpr auto kLongestTick = std::chrono::seconds(1);
constexpr std::size_t kAuditBytesMax = 256;

Fault TooSlow() { return Fault{408, "WH8076", "the request came too slowly"}; }

Fault TooBusy(std::string why) {
  return Fault{429, "WH8081", std::move(why), "try again a little later", {{"Retry-After", "1"}}};
}

// Counts a body against the total while it lives. One that fits by itself always may come alone.
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

// One of those in a lane while it lives.
class Place {
 public:
  explicit Place(std::atomic<std::size_t>& count) : count_(count), before_(count.fetch_add(1)) {}
  ~Place() { count_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  std::size_t before() const { return before_; }

 private:
  std::atomic<std::size_t>& count_;
  const std::size_t before_;
};

enum class Stage : std::uint8_t { kTarget, kFields, kBody };

// The answer to what the parser could not read; nothing where the connection is gone.
std::optional<Fault> FaultOfParseError(const error_code& error, Stage stage, bool timed_out) {
  using HttpError = beast::http::error;
  if (timed_out) return TooSlow();
  if (error == HttpError::body_limit)
    return Fault{413, "WH8077", "the body is larger than is taken here"};
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

// A header value cannot begin a new line, whatever a handler puts into it.
void AppendField(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  for (const char c : value) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) head += c;
  }
  head += "\r\n";
}

std::string FormatHead(const HttpResponse& response, bool keep_alive) {
  const auto reason = beast::http::obsolete_reason(
      beast::http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 std::string_view(reason.data(), reason.size()));
  if (!response.body.empty()) AppendField(head, "Content-Type", response.content_type);
  if (response.status != 204 && response.status != 304)
    AppendField(head, "Content-Length", std::to_string(response.body.size()));
  AppendField(head, "X-Content-Type-Options", "nosniff");
  bool has_cache_rule = false;
  for (const auto& [name, value] : response.headers) {
    AppendField(head, name, value);
    has_cache_rule = has_cache_rule || name == "Cache-Control";
  }
  if (!has_cache_rule) AppendField(head, "Cache-Control", "no-store");
  AppendField(head, "Connection", keep_alive ? "keep-alive" : "close");
  head += "\r\n";
  return head;
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

// What a session waits for while another thread works on it. Kept by both: whoever comes second
// finds it there.
template <typename T>
struct Task {
  Task(const asio::any_io_executor& executor, std::chrono::nanoseconds longest)
      : ready(executor, longest) {}
  asio::steady_timer ready;        // on the session's strand; cancelled when `answer` is there
  std::optional<T> answer;         // on the strand
  std::atomic<bool> taken{false};  // by the thread that works on it, or by a session that left
};

// Calls `step` until it throws nothing: somebody waits for what it does, and memory comes back.
template <typename Step>
void UntilItSucceeds(Step step) {
  while (true) {
    try {
      step();
      return;
    } catch (...) {
      std::this_thread::sleep_for(kShortestTick);
    }
  }
}

// Has `work` done on `lane`, unless the session has left by then, and wakes the session. `failed`
// is the answer where `work` throws.
template <typename T, typename Work, typename Failed>
void Dispatch(Lane& lane, const std::shared_ptr<Task<T>>& task, Work work, Failed failed) {
  asio::post(lane.executor(), [task, work = std::move(work), failed = std::move(failed)] {
    // Before it is taken: if there is no memory for it, the session gives up waiting.
    auto done = std::make_shared<std::optional<T>>();
    if (task->taken.exchange(true)) return;
    try {
      done->emplace(work());
    } catch (...) {
      UntilItSucceeds([&] { done->emplace(failed()); });
    }
    const auto wake = [task, done] {
      task->answer = std::move(*done);
      task->ready.cancel();
    };
    UntilItSucceeds([&] { asio::post(task->ready.get_executor(), wake); });
  });
}
}  // namespace

void RunAll(asio::io_context& io) {
  while (true) {
    try {
      io.run();
      return;
    } catch (...) {
      continue;
    }
  }
}

Status Lane::Start(int threads) {
  for (int i = 0; i < std::max(1, threads); ++i) {
    auto thread = StartThread([this] { RunAll(io_); });
    if (thread.ok()) threads_.push_back(std::move(thread).value());
    if (threads_.empty()) return thread.status();
  }
  return Status();
}

void Lane::Join() {
  more_.reset();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Session::Session(asio::ip::tcp::socket socket, SessionContext& context)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      buffer_(kBufferBytesMax),
      context_(context) {
  error_code error;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  const auto endpoint = socket_.remote_endpoint(error);
  if (!error) remote_ = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

void Session::Close(bool force) {
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
}

void Session::ExpireAfter(std::chrono::nanoseconds time) {
  deadline_ = SystemClock().Monotonic() + time;
  timed_out_ = false;
}

asio::awaitable<void> Session::Watch() {
  const auto tick = std::clamp<std::chrono::nanoseconds>(context_.options.idle_max / 8,
                                                         kShortestTick, kLongestTick);
  while (!done_) {
    timer_.expires_after(tick);
    const auto [error] = co_await timer_.async_wait(kAwaitable);
    if (error || done_) co_return;
    if (SystemClock().Monotonic() < deadline_) continue;
    // Again with each tick: an operation made of several steps may be between two of them.
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
    if (error) co_return Next::kClose;  // nobody has begun anything
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

  const HttpResponse response = co_await Handle(admission);
  const bool keep_alive = parser.get().keep_alive() && !context_.stopping;
  const bool written = co_await Write(response, keep_alive);
  co_return written&& keep_alive ? Next::kKeep : written ? Next::kLinger : Next::kClose;
}

RequestHead Session::HeadOf(const Parser& parser) const {
  RequestHead head;
  const auto& message = parser.get();
  head.method = std::string(message.method_string());
  head.target = std::string(message.target());
  head.is_http_1_0 = message.version() == 10;
  head.remote = remote_;
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    head.fields.emplace_back(std::move(name), std::string(field.value()));
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
      co_return context_.router.Form(
          target_, Fault{503,
                         "WH8081",
                         "all who could work on the request wait for something else",
                         "try again a little later",
                         {{"Retry-After", "1"}}});
    }
    while (!task->answer) {  // it has begun, and holds the request
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
  std::optional<std::string> token;
  auto decision = Admit(head, context_.rules, context_.router, [&](std::string_view given) {
    token = given;
    return TokenVerdict();
  });
  if (!token) co_return decision;
  const TokenVerdict verdict = co_await CheckToken(*std::move(token));
  decision =
      Admit(head, context_.rules, context_.router, [&](std::string_view) { return verdict; });
  co_return decision;
}

asio::awaitable<TokenVerdict> Session::CheckToken(std::string token) {
  using Standing = TokenVerdict::Standing;
  if (!context_.options.check_token) co_return TokenVerdict();
  const auto place = std::make_shared<Place>(context_.token_lane.in_flight);
  if (place->before() >= context_.options.queue_max)
    co_return TokenVerdict{Standing::kUnknown, "too many are being checked", "WH8081"};
  ExpireNever();
  const auto task =
      std::make_shared<Task<TokenVerdict>>(socket_.get_executor(), context_.options.token_max);
  Dispatch(
      context_.token_lane, task,
      [place, token = std::move(token), check = &context_.options.check_token] {
        try {
          return (*check)(token);
        } catch (...) {
          const Status thrown = StatusOfException();
          return TokenVerdict{Standing::kUnknown, thrown.message(), thrown.error_code()};
        }
      },
      [] {
        return TokenVerdict{Standing::kUnknown, "not enough memory",
                            std::string(kNoMemoryError.code())};
      });
  co_await task->ready.async_wait(kAwaitable);
  if (task->answer) co_return *task->answer;
  task->taken = true;  // what has not begun by now need not
  co_return TokenVerdict{Standing::kUnknown, "the catalog does not answer in time", "WH8046"};
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
  const std::string head = FormatHead(response, keep_alive);
  std::array<asio::const_buffer, 2> pieces = {asio::buffer(head), asio::const_buffer()};
  if (!is_head_ && response.status != 204 && response.status != 304)
    pieces[1] = asio::buffer(response.body);
  ExpireAfter(context_.options.total_max);
  const auto [error, bytes] = co_await asio::async_write(socket_, pieces, kAwaitable);
  co_return !error;
}

// Reads on a little after the last response: closing while the other side still sends would reset
// the connection and take the response with it.
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
