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

TEST_F(StreamTest, SendsTheWholeWithItsLengthToHttp10) {
  StartWith([](int number) { return PieceOf(number == 1 ? "" : "abc", number == 3); });
  Client client(server_->port());
  for (int i = 0; i < 2; ++i) {
    client.Send("GET /stream HTTP/1.0\r\n" + kHost + "Connection: keep-alive\r\n\r\n");
    const std::string answer = client.Receive();
    EXPECT_THAT(answer,
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/plain\r\n"),
                      HasSubstr("Content-Length: 6\r\n"), Not(HasSubstr("chunked")),
                      HasSubstr("Connection: keep-alive\r\n"), EndsWith("\r\n\r\nabcabc")));
  }
  EXPECT_EQ(seen_->asked, 6);
  client.Send("HEAD /stream HTTP/1.0\r\n" + kHost + "\r\n");
  EXPECT_THAT(client.ReceiveUntil("\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), Not(HasSubstr("chunked"))));
  EXPECT_TRUE(client.Closes());
  EXPECT_EQ(seen_->asked, 6);
}

// A connection that is cut looks to HTTP/1.0 as one that ends.
TEST_F(StreamTest, SendsNothingOfAStreamToHttp10ThatItCannotSendWhole) {
  const std::string ask = "GET /stream HTTP/1.0\r\n" + kHost + "\r\n";
  const std::string piece(256 << 10, 'x');
  StartWith([&](int number) { return PieceOf(piece, number == 4); });  // 1 MiB just fits
  EXPECT_THAT(Ask(ask),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr(fmt::format("Content-Length: {}\r\n", 1 << 20)), EndsWith(piece)));
  server_.reset();
  const auto waits = [](int number) {
    BodyStream::Piece one = PieceOf(number == 1 ? "abc" : "");
    one.again_in = std::chrono::minutes(1);
    return Result<BodyStream::Piece>(one);
  };
  const auto fails = [](int number) -> Result<BodyStream::Piece> {
    if (number == 1) return PieceOf("abc");
    return Status(Code::kCorruption, "a file is gone").WithError("WH7032");
  };
  const auto large = [&](int) { return PieceOf(piece); };
  struct Case {
    ScriptedStream::Make make;
    const char* begins;
    const char* code;
  };
  for (const Case& one :
       {Case{waits, "HTTP/1.1 505 ", "WH8083"}, Case{large, "HTTP/1.1 505 ", "WH8083"},
        Case{fails, "HTTP/1.1 500 ", "WH7032"}}) {
    seen_ = std::make_shared<Seen>();
    StartWith(one.make);
    Client client(server_->port());
    client.Send(ask);
    const std::string answer = client.Receive();
    EXPECT_THAT(answer, AllOf(StartsWith(one.begins), HasSubstr(one.code),
                              HasSubstr("Content-Length: "), Not(HasSubstr("abc"))));
    EXPECT_TRUE(client.Closes());
    EXPECT_TRUE(Ends());
    server_.reset();
  }
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

// Both of a stream and of an answer that is one write: far more than the system takes at once.
TEST_F(StreamTest, GoesOnForOneWhoseReaderTakesALittleAtATimeUntilItStops) {
  options_.total_max = milliseconds(1'500);
  const std::string large(32 << 20, 'x');
  for (const bool streams : {true, false}) {
    seen_ = std::make_shared<Seen>();
    more_routes_ = [&, this](Router& router) {
      router.Add("GET", "/large", [&, this](const HttpRequest&) {
        if (!streams) return JsonResponse(200, large);
        HttpResponse response;
        response.stream = std::make_shared<ScriptedStream>(
            seen_, [](int) { return PieceOf(std::string(1 << 20, 'x')); });
        return response;
      });
    };
    Start();
    Client client(server_->port(), /*window_bytes=*/2048);
    client.Send("GET /large HTTP/1.1\r\n" + kHost + "\r\n");
    const auto gone = [this] { return server_->connection_count() == 0; };
    std::size_t taken = 0;
    // 1 KiB every 100 ms, for more than twice the limit.
    for (int i = 0; i < 35; ++i) {
      const ssize_t got = client.Take(1024);
      ASSERT_GT(got, 0) << "cut after " << taken << " bytes, streams " << streams;
      taken += static_cast<std::size_t>(got);
      ASSERT_FALSE(weirhouse::testing::WaitUntil(gone, milliseconds(100)));
    }
    EXPECT_GT(taken, std::size_t{16} << 10);
    // From here on it takes nothing.
    EXPECT_FALSE(weirhouse::testing::WaitUntil(gone, milliseconds(700)));
    EXPECT_TRUE(weirhouse::testing::WaitUntil(gone, milliseconds(5'000)));
    if (streams) {
      EXPECT_TRUE(Ends());
    }
    server_.reset();
  }
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
