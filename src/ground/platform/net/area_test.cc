#include "ground/platform/net/server_fixture_test.h"

namespace weirhouse::http {
namespace {
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(ServerTest, TakesGuestsOnlyInAreasThatWantThemAndHandsTheirTokenOver) {
  Start();
  const std::string guest = std::string("Authorization: Bearer ") + kGuest + "\r\n";
  const std::string expired = std::string("Authorization: Bearer ") + kExpired + "\r\n";
  EXPECT_THAT(Get("/lake/t/x", guest), EndsWith("[t] wh_guest"));
  EXPECT_THAT(Get("/lake/t/x", kBearer), EndsWith("[t] wh_correct-horse"));
  EXPECT_THAT(Get("/lake/t/x"), AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("lake says WH8073")));
  EXPECT_THAT(Get("/%6Cake/t/x"),
              StartsWith("HTTP/1.1 401"));  // another spelling must not evade the token
  EXPECT_THAT(Get("/lake/t/x", expired), HasSubstr("lake says WH7092"));
  EXPECT_THAT(Get("/secret", expired), HasSubstr("has expired"));
  EXPECT_THAT(Get("/secret", guest),
              AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("needs the project's own")));
  EXPECT_THAT(Post("/sum", guest + kJson, "1"), StartsWith("HTTP/1.1 401"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, LetsNamesHoldAnyTextInAreasThatSaySo) {
  Start();
  EXPECT_THAT(Get("/lake/a%1Fb/x", kBearer), HasSubstr("[a\x1f"
                                                       "b]"));
  EXPECT_THAT(Get("/lake/a%2Fb/x", kBearer), HasSubstr("[a/b]"));
  EXPECT_THAT(Get("/lake/a+b%2Bc./x", kBearer), HasSubstr("[a b+c.]"));
  EXPECT_THAT(Get("/lake/%25;%3F/x", kBearer), HasSubstr("[%;?]"));
  for (const char* target :
       {"/lake/%2E%2E/x", "/lake/./x", "/lake/a%00b/x", "/lake//x", "/lake/%0a/x", "/lake/%ff/x"})
    EXPECT_THAT(Get(target, kBearer),
                AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("lake says WH8070")))
        << target;
  EXPECT_THAT(Get("/echo/a%1Fb"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get("/echo/a%2Fb"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get("/lakes/a%2Fb"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get("/echo/a+b"), HasSubstr("a+b"));
}

TEST_F(ServerTest, RefusesInTheFormOfTheArea) {
  Start();
  EXPECT_THAT(Get("/lake/nothing", kBearer),
              AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("lake says WH8074")));
  EXPECT_THAT(Post("/lake/t/x", kBearer, ""),
              AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("lake says WH8075"),
                    HasSubstr("Allow: DELETE, GET, HEAD\r\n")));
  EXPECT_THAT(Get("/lake/throws", kBearer),
              AllOf(StartsWith("HTTP/1.1 500"), HasSubstr("lake says WH8082")));
  EXPECT_THAT(Ask("GET /lake/t/x HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
              HasSubstr("lake says WH8071"));
  EXPECT_THAT(Get("/lake/t/x", kBearer + "X: " + std::string(17'000, 'a') + "\r\n"),
              AllOf(StartsWith("HTTP/1.1 431"), HasSubstr("lake says WH8079")));
}

TEST_F(ServerTest, AnswersHeadAndDeleteWithoutABody) {
  Start();
  Client client(server_->port());
  for (const std::string method : {"HEAD", "DELETE"}) {
    client.Send(method + " /lake/t/x HTTP/1.1\r\n" + kHost + kBearer + "\r\n");
    EXPECT_THAT(client.Receive(), AllOf(StartsWith("HTTP/1.1 204"),
                                        Not(HasSubstr("Content-Length")), EndsWith("\r\n\r\n")));
  }
  client.Send("GET /hello HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_THAT(client.Receive(), EndsWith("\"hi\""));
}

TEST_F(ServerTest, LetsSlowHandlersTakeTheirTimeAndQuickOnesPass) {
  options_.workers = 1;
  options_.slow_workers = 1;
  options_.total_max = milliseconds(200);
  Start();
  Client slow(server_->port());
  slow.Send("GET /lake/slow HTTP/1.1\r\n" + kHost + kBearer + "\r\n");
  WaitUntilBlocked(1);
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < milliseconds(600))
    EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 200"));
  Release();
  EXPECT_THAT(slow.Receive(), EndsWith("\"slow\""));
}

TEST_F(ServerTest, ReadsNoMoreBodiesAtOnceThanItsTotalAllows) {
  options_.body_bytes_total_max = 1'000;
  Start();
  EXPECT_THAT(Post("/sum", kBearer + kJson, std::string(2'000, 'x')),  // alone it may
              StartsWith("HTTP/1.1 200"));
  Client first(server_->port());
  first.Send("POST /sum HTTP/1.1\r\n" + kHost + kBearer + kJson +
             "Content-Length: 900\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(first.Receive(), StartsWith("HTTP/1.1 100"));
  EXPECT_THAT(Post("/sum", kBearer + kJson, std::string(101, 'x')),
              AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("Retry-After: 1")));
  EXPECT_THAT(Post("/sum", kBearer + kJson, std::string(100, 'x')), StartsWith("HTTP/1.1 200"));
  first.Send(std::string(900, 'x'));
  EXPECT_THAT(first.Receive(), EndsWith("\r\n\r\n900"));
}
}  // namespace
}  // namespace weirhouse::http
