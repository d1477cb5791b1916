#include <thread>

#include "ground/platform/net/server_fixture_test.h"
#include "testing/wait.h"

namespace weirhouse::http {
namespace {
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// What a stream does, seen from outside.
struct Seen {
  std::atomic<int> asked{0};
  std::atomic<bool> ended{false};
};

class ScriptedStream : public BodyStream {
 public:
  using Make = std::function<Result<Piece>(int number)>;  // the first has number 1
  ScriptedStream(std::shared_ptr<Seen> seen, Make make)
      : seen_(std::move(seen)), make_(std::move(make)) {}
  ~ScriptedStream() override { seen_->ended = true; }
  Result<Piece> Next() override {
    ++seen_->asked;
    return make_(++number_);
  }

 private:
  std::shared_ptr<Seen> seen_;
  Make make_;
  int number_ = 0;
};

BodyStream::Piece PieceOf(std::string bytes, bool is_last = false) {
  BodyStream::Piece piece;
  piece.bytes = std::move(bytes);
  piece.is_last = is_last;
  return piece;
}

class StreamTest : public ServerTest {
 protected:
  void StartWith(ScriptedStream::Make make) {
    more_routes_ = [this, make](Router& router) {
      router.Add("GET", "/stream", [this, make](const HttpRequest&) {
        HttpResponse response;
        response.content_type = "text/plain";
        response.stream = std::make_shared<ScriptedStream>(seen_, make);
        return response;
      });
    };
    Start();
  }
  // One that says "x" and then waits for ever, looking now and then.
  void StartWaiting() {
    StartWith([](int number) {
      BodyStream::Piece piece = PieceOf(number == 1 ? "x" : "");
      piece.again_in = std::chrono::minutes(1);
      return Result<BodyStream::Piece>(piece);
    });
  }
  // Whether the stream is let go of within `longest`.
  bool Ends(milliseconds longest = milliseconds(5'000)) {
    return weirhouse::testing::WaitUntil([&] { return bool{seen_->ended}; }, longest);
  }
  const std::string ask_ = "GET /stream HTTP/1.1\r\n" + kHost + "\r\n";
  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
};

TEST_F(StreamTest, SendsPiecesAsChunksAndKeepsTheConnection) {
  StartWith([](int number) {
    return PieceOf(std::string(9, static_cast<char>('0' + number)), number == 3);
  });
  Client client(server_->port());
  for (int i = 0; i < 2; ++i) {
    client.Send(ask_ + "GET /hello HTTP/1.1\r\n" + kHost + "\r\n");
    const std::string response = client.ReceiveUntil("\r\n0\r\n\r\n");
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response,
                AllOf(HasSubstr("Content-Type: text/plain\r\n"),
                      HasSubstr("Transfer-Encoding: chunked\r\n"),
                      HasSubstr("Connection: keep-alive\r\n"), Not(HasSubstr("Content-Length"))));
    EXPECT_THAT(
        response,
        EndsWith("\r\n\r\n9\r\n111111111\r\n9\r\n222222222\r\n9\r\n333333333\r\n0\r\n\r\n"));
    EXPECT_THAT(client.Receive(), EndsWith("\"hi\""));
  }
}

TEST_F(StreamTest, SendsNoChunksToHttp10AndEndsWithTheConnection) {
  StartWith([](int number) { return PieceOf("abc", number == 2); });
  Client client(server_->port());
  client.Send("GET /stream HTTP/1.0\r\n" + kHost + "Connection: keep-alive\r\n\r\n");
  const std::string head = client.ReceiveUntil("\r\n\r\n");
  EXPECT_THAT(head, AllOf(HasSubstr("Connection: close\r\n"), Not(HasSubstr("chunked"))));
  EXPECT_EQ(client.ReceiveUntil("abcabc"), "abcabc");
  EXPECT_TRUE(client.Closes());
}

TEST_F(StreamTest, MakesNoPieceForHead) {
  StartWith([](int) { return PieceOf("abc", true); });
  Client client(server_->port());
  client.Send("HEAD /stream HTTP/1.1\r\n" + kHost + "\r\nGET /hello HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_THAT(client.ReceiveUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_THAT(client.Receive(), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(seen_->asked, 0);
}

TEST_F(StreamTest, MakesAPieceOnlyWhenTheOneBeforeHasGoneOut) {
  options_.total_max = milliseconds(20'000);
  constexpr int kPieces = 64;
  StartWith([](int number) { return PieceOf(std::string(1 << 20, 'x'), number == kPieces); });
  Client client(server_->port());
  client.Send(ask_);
  client.ReceiveUntil("\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_LT(seen_->asked, kPieces / 2);  // what the kernel's buffers hold, and one more
  std::size_t bytes = 0;
  for (int i = 0; i < kPieces; ++i) {
    EXPECT_EQ(client.ReceiveUntil("100000\r\n"), "100000\r\n");
    bytes += client.ReceiveUntil("\r\n").size() - 2;
  }
  EXPECT_EQ(bytes, std::size_t{kPieces} << 20);
  EXPECT_EQ(client.ReceiveUntil("0\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(StreamTest, LetsGoOfOneWhoseReaderTakesNothing) {
  options_.total_max = milliseconds(300);
  StartWith([](int) { return PieceOf(std::string(1 << 20, 'x')); });
  Client client(server_->port());
  client.Send(ask_);
  client.ReceiveUntil("\r\n\r\n");
  EXPECT_TRUE(Ends());
}

TEST_F(StreamTest, LetsGoOfOneWhoseClientHasGone) {
  StartWaiting();
  {
    Client client(server_->port());
    client.Send(ask_);
    EXPECT_THAT(client.ReceiveUntil("1\r\nx\r\n"), EndsWith("1\r\nx\r\n"));
    EXPECT_FALSE(Ends(milliseconds(200)));
  }
  EXPECT_TRUE(Ends());
}

TEST_F(StreamTest, CutsTheConnectionWhereAPieceCannotBeMade) {
  for (const bool throws : {false, true}) {
    seen_ = std::make_shared<Seen>();
    StartWith([throws](int number) -> Result<BodyStream::Piece> {
      if (number == 1) return PieceOf("abc");
      if (throws) throw std::runtime_error("no");
      return Status(Code::kCorruption, "a file is gone");
    });
    Client client(server_->port());
    client.Send(ask_);
    EXPECT_THAT(client.ReceiveUntil("\r\nabc\r\n"), EndsWith("3\r\nabc\r\n"));
    EXPECT_TRUE(client.Closes());
    EXPECT_TRUE(Ends());
    server_.reset();
  }
}

TEST_F(StreamTest, AnswersWithTheErrorWhereTheFirstPieceCannotBeMade) {
  StartWith([](int) -> Result<BodyStream::Piece> {
    return Status(Code::kCorruption, "a file is gone").WithError("WH7032");
  });
  Client client(server_->port());
  client.Send(ask_);
  const std::string answer = client.Receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, HasSubstr("WH7032"));
  EXPECT_TRUE(Ends());
}

TEST_F(StreamTest, EndsThoseThatWaitWhenItStops) {
  StartWaiting();
  Client client(server_->port());
  client.Send(ask_);
  client.ReceiveUntil("1\r\nx\r\n");
  const auto begin = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, options_.stop_grace);
  EXPECT_EQ(client.ReceiveUntil("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_TRUE(client.Closes());
}

TEST_F(StreamTest, ThoseThatWaitHoldNoWorkerAndMoreThanTheLimitAreTurnedAway) {
  options_.workers = 1;
  options_.streams_max = 2;
  StartWaiting();
  Client first(server_->port());
  Client second(server_->port());
  for (Client* client : {&first, &second}) {
    client->Send(ask_);
    EXPECT_THAT(client->ReceiveUntil("1\r\nx\r\n"), EndsWith("1\r\nx\r\n"));
  }
  EXPECT_THAT(Get("/hello"), EndsWith("\"hi\""));
  EXPECT_THAT(Get("/stream"), AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("WH8081")));
}
}  // namespace
}  // namespace weirhouse::http
