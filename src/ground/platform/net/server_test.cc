#include <array>
#include <thread>

#include "ground/platform/net/server_fixture_test.h"
#include "testing/wait.h"

namespace weirhouse::http {
namespace {
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  Start();
  Client client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /echo/a%23b?x=1 HTTP/1.1\r\n" + kHost + "\r\n");
    const std::string response = client.Receive();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response, HasSubstr("Connection: keep-alive"));
    EXPECT_THAT(response, HasSubstr(R"({"name":"a#b","query":{"x":"1"}})"));
  }
  EXPECT_EQ(server_->connection_count(), 1u);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  Client client(server_->port());
  std::string requests;
  for (int i = 0; i < 20; ++i)
    requests += fmt::format("GET /echo/n{} HTTP/1.1\r\n{}\r\n", i, kHost) +
                fmt::format("POST /sum HTTP/1.1\r\n{}{}{}Content-Length: {}\r\n\r\n{}", kHost,
                            kBearer, kJson, i, std::string(static_cast<std::size_t>(i), 'x'));
  client.Send(requests);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(client.Receive(), HasSubstr(fmt::format("\"name\":\"n{}\"", i)));
    EXPECT_THAT(client.Receive(), EndsWith(fmt::format("\r\n\r\n{}", i)));
  }
}

TEST_F(ServerTest, ServesHeadWithoutABody) {
  Start();
  Client client(server_->port());
  client.Send("HEAD /hello HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_THAT(client.Receive(milliseconds(5'000), false), HasSubstr("Content-Length: 4\r\n"));
  client.Send("GET /hello HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_THAT(client.Receive(), EndsWith("\"hi\""));
}

TEST_F(ServerTest, ClosesAfterHttp10AndWhenAsked) {
  Start();
  for (const std::string& head :
       {"GET /hello HTTP/1.0\r\n" + kHost + "\r\n",
        "GET /hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n"}) {
    Client client(server_->port());
    client.Send(head);
    EXPECT_THAT(client.Receive(), HasSubstr("Connection: close"));
    EXPECT_TRUE(client.Closes());
  }
}

TEST_F(ServerTest, RefusesUnknownPathsAndMethods) {
  Start();
  EXPECT_THAT(Get("/nothing"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("WH8074")));
  const std::string response = Post("/hello", kBearer, "");
  EXPECT_THAT(response, AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET")));
  EXPECT_THAT(Ask("OPTIONS /hello HTTP/1.1\r\n" + kHost + "\r\n"), StartsWith("HTTP/1.1 401"));
}

TEST_F(ServerTest, NeedsTheTokenForEveryWriteAndForWhatSaysSo) {
  Start();
  EXPECT_THAT(Post("/sum", kJson, "1"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Post("/nothing", kJson, "1"),
              StartsWith("HTTP/1.1 401"));  // learns nothing of routes
  EXPECT_THAT(Get("/secret"), HasSubstr("WWW-Authenticate: Bearer"));
  for (const std::string authorization :
       {"Bearer wrong", "Bearer ", "Bearer", "Basic d2g6", "wh_correct-horse",
        "Bearer wh_correct-hors", "Bearer wh_correct-horse x"}) {
    EXPECT_THAT(Get("/secret", "Authorization: " + authorization + "\r\n"),
                AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("WH8073")))
        << authorization;
  }
  EXPECT_THAT(Get("/secret", kBearer + kBearer), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get("/secret", kBearer), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/secret", std::string("Authorization: bearer ") + kToken + "\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post("/sum", kBearer + kJson, "1"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(handled_, 1);
  for (const Refusal& refusal : refusals_) EXPECT_THAT(refusal.target, Not(HasSubstr("horse")));
}

TEST_F(ServerTest, RefusesForeignHostsAndOrigins) {
  Start();
  for (const std::string host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil", "[::2]", "localhost:x", "",
        "localhost@evil.example", "127.0.0.2"}) {
    EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\nHost: " + host + "\r\n\r\n"),
                StartsWith("HTTP/1.1 403"))
        << host;
  }
  EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\n" + kHost + kHost + "\r\n"), StartsWith("HTTP/1.1 400"));
  for (const std::string host :
       {"localhost", "LOCALHOST:8642", "127.0.0.1:1", "[::1]:8642", "[::1]"})
    EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\nHost: " + host + "\r\n\r\n"),
                StartsWith("HTTP/1.1 200"))
        << host;
  for (const std::string origin :
       {"http://evil.example", "null", "http://localhost:1", "http://localhost.evil.example",
        "https://localhost:8642", "https://localhost"})
    EXPECT_THAT(Get("/hello", "Origin: " + origin + "\r\n"), StartsWith("HTTP/1.1 403")) << origin;
  EXPECT_THAT(Get("/hello", "Origin: http://localhost\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, RefusesBodiesThatAreNotDeclaredAsJson) {
  Start();
  for (const std::string type :
       {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/jsonx\r\n"})
    EXPECT_THAT(Post("/sum", kBearer + type, "{}"), StartsWith("HTTP/1.1 415")) << type;
  EXPECT_THAT(Post("/sum", kBearer + kJson + "Content-Encoding: gzip\r\n", "{}"),
              StartsWith("HTTP/1.1 415"));
  EXPECT_THAT(Post("/sum", kBearer + "Content-Type: Application/JSON; charset=utf-8\r\n", "{}"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post("/sum", kBearer, ""), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, HoldsTheBodyCapOfEachRouteExactly) {
  Start();
  EXPECT_THAT(Post("/small", kBearer + kJson, std::string(10, 'x')), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post("/small", kBearer + kJson, std::string(11, 'x')), StartsWith("HTTP/1.1 413"));
  const std::string chunked =
      "POST /small HTTP/1.1\r\n" + kHost + kBearer + kJson + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(Ask(chunked + "5\r\nxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask(chunked + "5\r\nxxxxx\r\n6\r\nxxxxxx\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Post("/sum", kBearer + kJson, std::string(1 << 20, 'x')), HasSubstr("1048576"));
  // Refused from the head alone: the body never comes.
  EXPECT_THAT(Ask("POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson +
                  "Content-Length: 99999999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask("POST /sum HTTP/1.1\r\n" + kHost + kJson + "Content-Length: 999999\r\n\r\n"),
              StartsWith("HTTP/1.1 401"));
}

TEST_F(ServerTest, RefusesAmbiguousLengths) {
  Start();
  const std::string head = "POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson;
  for (const std::string fields :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: -1\r\n",
        "Content-Length: 1x\r\n", "Content-Length: +1\r\n",
        "Content-Length: 99999999999999999999999\r\n"}) {
    EXPECT_THAT(Ask(head + fields + "\r\n1\r\nx\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 400"))
        << fields;
  }
  EXPECT_THAT(Ask("POST /sum HTTP/1.0\r\n" + kHost + kBearer + kJson +
                  "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, RefusesWhatIsNotHttp) {
  Start();
  for (const std::string text :
       {"\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n",
        "GET /hello HTTP/1.1\nHost: x\n\n", "GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n", " GET /hello HTTP/1.1\r\n\r\n",
        "GET /he llo HTTP/1.1\r\nHost: localhost\r\n\r\n"})
    EXPECT_THAT(Ask(text), StartsWith("HTTP/1.1 400")) << text;
  for (const char* target :
       {"/../etc/passwd", "/%2e%2e/x", "/%252e", "/a%2fb", "//hello", "/hello;x", "/hello#x",
        "/hello/", "http://localhost/hello", "*", "/a\\b"})
    EXPECT_THAT(Get(target), StartsWith("HTTP/1.1 400")) << target;
}

TEST_F(ServerTest, HoldsTheLimitsOfTargetAndHeader) {
  Start();
  EXPECT_THAT(Get("/" + std::string(9'000, 'a')), StartsWith("HTTP/1.1 414"));
  EXPECT_THAT(Get("/" + std::string(40'000, 'a')), StartsWith("HTTP/1.1 414"));
  EXPECT_THAT(Get("/hello", "X: " + std::string(15'000, 'a') + "\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/hello", "X: " + std::string(17'000, 'a') + "\r\n"), StartsWith("HTTP/1.1 431"));
  std::string many;
  for (int i = 0; i < 101; ++i) many += fmt::format("X{}: 1\r\n", i);
  EXPECT_THAT(Get("/hello", many), StartsWith("HTTP/1.1 431"));
  const std::string chunked = "POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson +
                              "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300'000, 'e');
  EXPECT_THAT(Ask(chunked), ContainsRegex("HTTP/1.1 4(00|13|31)"));
}

TEST_F(ServerTest, EndsSlowRequests) {
  Start();
  Client idle(server_->port());  // sends nothing at all
  Client slow_header(server_->port());
  slow_header.Send("GET /hello HTTP/1.1\r\nHost: loc");
  Client slow_body(server_->port());
  slow_body.Send("POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson +
                 "Content-Length: 10\r\n\r\nab");
  Client drip(server_->port());  // a byte now and then: never idle, but late as a whole
  drip.Send("POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson + "Content-Length: 100\r\n\r\n");
  std::atomic<bool> dripping = true;
  std::thread dripper([&] {
    while (dripping && drip.Send("x")) std::this_thread::sleep_for(milliseconds(150));
  });
  EXPECT_TRUE(idle.Closes());
  EXPECT_THAT(slow_header.Receive(),
              AllOf(StartsWith("HTTP/1.1 408"), HasSubstr("WH8076"),
                    HasSubstr("the request came too slowly"), HasSubstr("send it again")));
  EXPECT_THAT(slow_body.Receive(), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(drip.Receive(), StartsWith("HTTP/1.1 408"));
  dripping = false;
  dripper.join();
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, SaysContinueOnlyToThoseWhoMaySend) {
  Start();
  const std::string expect = "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  Client client(server_->port());
  client.Send("POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson + expect);
  EXPECT_THAT(client.Receive(), StartsWith("HTTP/1.1 100"));
  client.Send("abc");
  EXPECT_THAT(client.Receive(), EndsWith("\r\n\r\n3"));
  EXPECT_THAT(Ask("POST /sum HTTP/1.1\r\n" + kHost + kJson + expect), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Get("/hello", "Expect: coffee\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, TurnsAwayMoreConnectionsThanItsLimit) {
  options_.connections_max = 3;
  options_.idle_max = milliseconds(3'000);
  Start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(server_->port()));
    clients.back()->Send("GET /hello HTTP/1.1\r\n" + kHost + "\r\n");
    EXPECT_THAT(clients.back()->Receive(), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(Client(server_->port()).Receive(), StartsWith("HTTP/1.1 429"));
  clients.pop_back();
  EXPECT_TRUE(weirhouse::testing::WaitUntil([&] { return server_->connection_count() <= 2; }));
  EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, TurnsAwayMoreRequestsThanTheWorkersMayHaveWaiting) {
  options_.workers = 1;
  options_.queue_max = 2;
  Start();
  Client running(server_->port());
  running.Send("GET /block HTTP/1.1\r\n" + kHost + "\r\n");
  WaitUntilBlocked(1);
  std::array<Client, 2> others{Client(server_->port()), Client(server_->port())};
  for (Client& other : others) other.Send("GET /hello HTTP/1.1\r\n" + kHost + "\r\n");
  std::string refusal;  // of whichever comes to the queue last
  std::size_t waiting = 0;
  EXPECT_TRUE(weirhouse::testing::WaitUntil([&] {
    waiting = 1 - waiting;
    refusal = others[1 - waiting].Receive(milliseconds(100));
    return !refusal.empty();
  }));
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 429"));
  Release();
  EXPECT_THAT(running.Receive(), HasSubstr("done"));
  EXPECT_THAT(others[waiting].Receive(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AnswersAHandlerThatThrowsWith500AndGoesOn) {
  Start();
  EXPECT_THAT(Get("/throws"), AllOf(StartsWith("HTTP/1.1 500"), HasSubstr("WH8082")));
  EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, LetsNoHandlerBeginANewHeaderLine) {
  Start();
  EXPECT_THAT(Get("/inject"), HasSubstr("X-Name: aSet-Cookie: b\r\n"));
}

TEST_F(ServerTest, WritesOneAuditLinePerRefusal) {
  Start();
  Get("/nothing?token=secret", kBearer);
  server_->Stop();
  ASSERT_EQ(refusals_.size(), 1u);
  EXPECT_EQ(refusals_[0].status, 404);
  EXPECT_EQ(refusals_[0].code, "WH8074");
  EXPECT_EQ(refusals_[0].target, "/nothing");
  EXPECT_THAT(refusals_[0].remote, StartsWith("127.0.0.1:"));
}

TEST_F(ServerTest, SaysWhenThePortIsInUse) {
  Start();
  ServerOptions again = options_;
  again.port = server_->port();
  const Status status = HttpServer::Start(again, Router()).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH8002");
  EXPECT_THAT(status.hint(), HasSubstr("--port"));
  const std::uint16_t port = server_->port();
  server_.reset();
  again.port = port;  // free again at once
  ASSERT_OK(HttpServer::Start(again, Router()));
}

TEST_F(ServerTest, ListensBeyondLoopbackOnlyWithAToken) {
  options_.address = "0.0.0.0";
  ServerOptions open = options_;
  open.authenticator = nullptr;
  EXPECT_EQ(HttpServer::Start(open, Router()).status().error_code(), "WH8060");
  Start();
  EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 401"));  // reads need it there too
  EXPECT_THAT(Get("/hello", kBearer), StartsWith("HTTP/1.1 200"));
  options_.address = "nonsense";
  EXPECT_EQ(HttpServer::Start(options_, Router()).status().error_code(), "WH8061");
}

TEST_F(ServerTest, RefusesEveryWriteWhereNoTokenExists) {
  options_.authenticator = nullptr;
  Start();
  EXPECT_THAT(Post("/sum", kBearer + kJson, "1"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, LetsRequestsInFlightFinishWhenItStops) {
  options_.idle_max = milliseconds(5'000);
  Start();
  Client idle(server_->port());
  idle.Send("GET /hello HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_THAT(idle.Receive(), StartsWith("HTTP/1.1 200"));
  Client busy(server_->port());
  busy.Send("GET /block HTTP/1.1\r\n" + kHost + "\r\n");
  WaitUntilBlocked(1);
  std::thread stopper([this] { server_->Stop(); });
  EXPECT_TRUE(idle.Closes(milliseconds(1'000)));
  Release();
  const std::string response = busy.Receive();
  EXPECT_THAT(response, AllOf(HasSubstr("done"), HasSubstr("Connection: close")));
  stopper.join();
}

TEST_F(ServerTest, AnswersEveryRequestOfALoad) {
  options_.idle_max = milliseconds(5'000);
  options_.total_max = milliseconds(20'000);
  Start();
  constexpr int kClients = 16;
  constexpr int kRequests = 400;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([this, &wrong, i] {
      Client client(server_->port());
      const std::string body(static_cast<std::size_t>(1'000 + i), 'x');
      const std::string request =
          fmt::format("POST /sum HTTP/1.1\r\n{}{}{}Content-Length: {}\r\n\r\n{}", kHost, kBearer,
                      kJson, body.size(), body);
      for (int k = 0; k < kRequests; ++k) {
        client.Send(request);
        if (!client.Receive().ends_with(fmt::format("\r\n\r\n{}", body.size()))) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(handled_, kClients * kRequests);
  RecordProperty("requests_per_second", static_cast<int>(kClients * kRequests / seconds.count()));
  std::printf("             %.0f requests/s\n", kClients * kRequests / seconds.count());
}
TEST_F(ServerTest, WhatNeedsNoTokenIsAnsweredWhileTokensCannotBeChecked) {
  options_.token_max = milliseconds(300);
  options_.token_workers = 1;
  Start();
  const std::string hanging = std::string("Authorization: Bearer ") + kHanging + "\r\n";
  std::vector<std::thread> askers;
  std::mutex mutex;
  std::vector<std::string> answers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&] {
      std::string answer = Get("/secret", hanging);
      const std::lock_guard lock(mutex);
      answers.push_back(std::move(answer));
    });
  }
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Get("/hello"), HasSubstr("200 OK"));
  for (std::thread& asker : askers) asker.join();
  for (const std::string& answer : answers) {
    EXPECT_THAT(answer, HasSubstr("503"));
    EXPECT_THAT(answer, HasSubstr("WH8046"));
  }
  EXPECT_THAT(Get("/secret", kBearer), HasSubstr("503"));  // the one thread still waits
  EXPECT_THAT(Get("/secret"), HasSubstr("401"));           // that none was sent is known
  Release();
  while (Get("/secret", kBearer).find("200 OK") == std::string::npos) {
  }
  EXPECT_EQ(hanging_, 1);  // work that had not started was dropped
}

TEST_F(ServerTest, WhatIsInstantNeedsNoWorkerAndOthersAreToldThatNoneIsFree) {
  options_.workers = 2;
  options_.begin_max = milliseconds(200);
  Start();
  Client first(server_->port());
  Client second(server_->port());
  for (Client* client : {&first, &second}) client->Send("GET /block HTTP/1.1\r\n" + kHost + "\r\n");
  WaitUntilBlocked(2);
  EXPECT_THAT(Get("/alive"), HasSubstr("alive"));
  const std::string refused = Get("/hello");
  EXPECT_THAT(refused, HasSubstr("503"));
  EXPECT_THAT(refused, HasSubstr("WH8081"));
  Release();
  EXPECT_THAT(first.Receive(), HasSubstr("done"));  // what has begun has what time it needs
  EXPECT_THAT(second.Receive(), HasSubstr("done"));
  EXPECT_THAT(Get("/hello"), HasSubstr("200 OK"));
}
}  // namespace
}  // namespace weirhouse::http
