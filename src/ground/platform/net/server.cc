#include "ground/platform/net/server.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "ground/base/ascii.h"
#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/platform/net/session.h"

namespace weirhouse::http {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr int kBacklog = 512;

AdmissionRules RulesOf(const ServerOptions& options, bool loopback) {
  AdmissionRules rules;
  rules.hosts = {"localhost", "127.0.0.1", "[::1]"};
  for (const std::string& host : options.hosts) {
    rules.hosts.push_back(LowerCase(host));
  }
  rules.reads_need_token = !loopback;
  return rules;
}
}  // namespace

struct HttpServer::Impl {
  Impl(ServerOptions given, Router routes, bool loopback)
      : options(std::move(given)),
        router(std::move(routes)),
        rules(RulesOf(options, loopback)),
        quick(options.workers),
        slow(options.slow_workers),
        token_lane(options.token_workers),
        context{options, rules, router, quick, slow, token_lane, stopping, body_bytes, streams},
        io(std::max(1, options.threads)),
        acceptor(io) {}

  Status Listen(const tcp::endpoint& endpoint);
  asio::awaitable<void> Accept();
  void BeginOrDrop(tcp::socket socket);
  void Begin(tcp::socket socket);
  void RefuseConnection(tcp::socket socket);
  asio::awaitable<void> RunSession(std::shared_ptr<Session> session);
  void Forget(const std::shared_ptr<Session>& session);
  // One of `sessions`, for as long as its coroutine lives.
  struct Membership {
    ~Membership() { impl.Forget(session); }
    Impl& impl;
    const std::shared_ptr<Session>& session;
  };
  static asio::awaitable<void> WatchSession(std::shared_ptr<Session> session);
  void CloseSessions(bool force);
  bool WaitForSessions(std::chrono::milliseconds longest);

  const ServerOptions options;
  const Router router;
  const AdmissionRules rules;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> body_bytes{0};
  std::atomic<std::size_t> streams{0};
  std::uint16_t port = 0;

  mutable std::mutex mutex;
  std::condition_variable session_ended;
  std::set<std::shared_ptr<Session>> sessions;

  // Destroyed from the last to the first: coroutines that io still holds touch all of the above.
  Lane quick;
  Lane slow;
  Lane token_lane;
  SessionContext context;
  asio::io_context io;
  tcp::acceptor acceptor;
  std::vector<std::thread> threads;
};

Status HttpServer::Impl::Listen(const tcp::endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error == asio::error::address_in_use) {
    return Status(Code::kUnavailable, fmt::format("port {} is in use on {}", endpoint.port(),
                                                  endpoint.address().to_string()))
        .WithError("WH8002")
        .WithHint("another `wh serve` may be running; stop it, or choose another with --port");
  }
  if (error) {
    return Status(Code::kUnavailable,
                  fmt::format("could not listen on {}:{}: {}", endpoint.address().to_string(),
                              endpoint.port(), error.message()))
        .WithError("WH8061");
  }
  port = acceptor.local_endpoint(error).port();
  return Status();
}

// Sends a refusal and closes. The kernel accepts these few bytes at once, or the client gets none.
void HttpServer::Impl::RefuseConnection(tcp::socket socket) {
  static constexpr std::string_view kBody =
      R"({"error":{"code":"WH8081","message":"too many connections","hint":"close idle ones"}})";
  const std::string text = fmt::format(
      "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Retry-After: 1\r\nConnection: close\r\n\r\n{}",
      kBody.size(), kBody);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.send(asio::buffer(text), 0, ignored);
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

asio::awaitable<void> HttpServer::Impl::Accept() {
  asio::steady_timer pause(io);
  while (!stopping) {
    try {
      WEIRHOUSE_FAILPOINT("http.accept");
      auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(io), kAwait);
      if (stopping) break;
      if (!error) {
        BeginOrDrop(std::move(socket));
        continue;
      }
      // Probably out of descriptors: pause accepting for a while.
      pause.expires_after(kAcceptPause);
      const auto [waited] = co_await pause.async_wait(kAwait);
      if (waited) break;
    } catch (...) {  // out of memory even for the timer
      std::this_thread::sleep_for(kAcceptPause);
    }
  }
}

// Starts a session, or drops the connection if that fails; the next one may succeed.
void HttpServer::Impl::BeginOrDrop(tcp::socket socket) {
  try {
    Begin(std::move(socket));
  } catch (...) {
    return;
  }
}

void HttpServer::Impl::Begin(tcp::socket socket) {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex);
    if (sessions.size() < options.connections_max) {
      session = std::make_shared<Session>(std::move(socket), context);
      sessions.insert(session);
    }
  }
  if (!session) return RefuseConnection(std::move(socket));
  try {
    WEIRHOUSE_FAILPOINT("http.session");
    asio::co_spawn(session->executor(), RunSession(session), asio::detached);
  } catch (...) {
    Forget(session);
    throw;
  }
  // If this throws, the session is not watched: it ends when its client disconnects or the server
  // stops.
  asio::co_spawn(session->executor(), WatchSession(session), asio::detached);
}

asio::awaitable<void> HttpServer::Impl::RunSession(std::shared_ptr<Session> session) {
  const Membership membership{*this, session};
  try {
    co_await session->Run();
  } catch (...) {  // out of memory, most likely: this connection ends
    session->Abandon();
  }
}

void HttpServer::Impl::Forget(const std::shared_ptr<Session>& session) {
  const std::lock_guard lock(mutex);
  sessions.erase(session);
  session_ended.notify_all();
}

asio::awaitable<void> HttpServer::Impl::WatchSession(std::shared_ptr<Session> session) {
  co_await session->Watch();
}

void HttpServer::Impl::CloseSessions(bool force) {
  const std::lock_guard lock(mutex);
  for (const auto& session : sessions)
    asio::post(session->executor(), [session, force] { session->Close(force); });
}

bool HttpServer::Impl::WaitForSessions(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex);
  return session_ended.wait_for(lock, longest, [this] { return sessions.empty(); });
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(ServerOptions options, Router router) {
  error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return Status(Code::kInvalidInput, fmt::format("\"{}\" is not an IP address", options.address))
        .WithError("WH8061")
        .WithHint("for example 127.0.0.1");
  }
  if (!address.is_loopback() && options.authenticator == nullptr) {
    return Status(Code::kPermissionDenied,
                  fmt::format("refused to listen on {} without a token", options.address))
        .WithError("WH8060")
        .WithHint("make one with `wh token`, or listen on 127.0.0.1");
  }
  const tcp::endpoint endpoint(address, options.port);
  auto impl = std::make_shared<Impl>(std::move(options), std::move(router), address.is_loopback());
  WEIRHOUSE_TRY_STATUS(impl->Listen(endpoint));
  WEIRHOUSE_TRY_STATUS(impl->quick.Start(impl->options.workers));
  WEIRHOUSE_TRY_STATUS(impl->slow.Start(impl->options.slow_workers));
  WEIRHOUSE_TRY_STATUS(impl->token_lane.Start(impl->options.token_workers));
  asio::co_spawn(impl->io, impl->Accept(), asio::detached);
  std::unique_ptr<HttpServer> server(new HttpServer(impl));
  for (int i = 0; i < std::max(1, impl->options.threads); ++i) {
    auto thread = StartThread([raw = impl.get()] { RunAll(raw->io); });
    if (thread.ok()) impl->threads.push_back(std::move(thread).value());
    if (impl->threads.empty()) return thread.status();
  }
  return server;
}

HttpServer::~HttpServer() { Stop(); }

std::uint16_t HttpServer::port() const { return impl_->port; }

std::size_t HttpServer::connection_count() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->sessions.size();
}

void HttpServer::Stop() {
  Impl& impl = *impl_;
  if (impl.stopping.exchange(true)) return;
  // Closed on its own thread: an acceptor is no more thread-safe than a socket.
  asio::post(impl.io, [&impl] {
    error_code ignored;
    impl.acceptor.close(ignored);
  });
  impl.CloseSessions(/*force=*/false);
  if (!impl.WaitForSessions(impl.options.stop_grace)) {
    impl.CloseSessions(/*force=*/true);
    impl.WaitForSessions(std::chrono::milliseconds(500));
  }
  impl.quick.Join();  // handlers use the catalog: none may run after the server is destroyed
  impl.slow.Join();
  impl.token_lane.Join();
  impl.WaitForSessions(std::chrono::milliseconds(500));
  impl.io.stop();
  for (std::thread& thread : impl.threads) thread.join();
  impl.threads.clear();
  const std::lock_guard lock(impl.mutex);
  impl.sessions.clear();  // their sockets must go before io does
}
}  // namespace weirhouse::http
