#include <nlohmann/json.hpp>

#include "api/v1/route.h"
#include "ground/iceberg/format/metadata.h"
#include "testing/projects/shop_fixture.h"

namespace weirhouse::v1 {
namespace {
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class BorrowedLease : public ProjectLease {
 public:
  BorrowedLease(work::Workspace& workspace, work::PredictionService& predictions, int* held)
      : workspace_(workspace), predictions_(predictions), held_(held) {
    ++*held_;
  }
  ~BorrowedLease() override { --*held_; }
  work::Workspace& workspace() override { return workspace_; }
  work::PredictionService& predictions() override { return predictions_; }

 private:
  work::Workspace& workspace_;
  work::PredictionService& predictions_;
  int* held_;
};

struct V1Test : work::ShopTest {
  std::optional<work::PredictionService> predictions;
  http::Router router;
  Status closed;  // why there is no project
  int held = 0;   // leases
  std::vector<Status> errors;

  void SetUp() override {
    work::ShopTest::SetUp();
    predictions.emplace(*workspace);
    Options options;
    options.take = [this]() -> Result<std::unique_ptr<ProjectLease>> {
      if (!closed.ok()) return closed;
      return std::unique_ptr<ProjectLease>(new BorrowedLease(*workspace, *predictions, &held));
    };
    options.on_error = [this](const Status& status) { errors.push_back(status); };
    AddRoutes(router, std::move(options));
  }
  void TearDown() override { predictions.reset(); }
  void Ingest(const std::string& day) {
    Land(day + ".jsonl", work::Order(day, 1, day + "T01:00:00Z", day + "T01:00:00Z"));
    ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  }
  http::HttpResponse Send(const std::string& method, const std::string& target,
                          std::map<std::string, std::string> headers = {}, std::string body = "") {
    auto parsed = router.Parse(target);
    EXPECT_OK(parsed);
    const http::Router::Match match = router.Find(method, *parsed);
    EXPECT_NE(match.handler, nullptr) << target;
    http::HttpRequest request;
    request.method = method;
    request.path = parsed->path;
    request.query = parsed->query;
    request.parameters = match.parameters;
    request.headers = std::move(headers);
    request.body = std::move(body);
    http::HttpResponse response = (*match.handler)(request);
    EXPECT_EQ(held, 0);
    return response;
  }
  http::HttpResponse Get(const std::string& target) { return Send("GET", target); }
  std::string NextOf(http::BodyStream& stream) {
    const auto piece = stream.Next();
    EXPECT_OK(piece);
    EXPECT_EQ(held, 0);  // while it waits, the project may be closed
    return piece.ok() ? piece->bytes : "";
  }
};

TEST_F(V1Test, EachReadAnswersOneDocument) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  Ingest("2024-01-01");
  for (const std::string path :
       {"/v1/status", "/v1/tables", "/v1/gates", "/v1/models", "/v1/training-sets",
        "/v1/runs?limit=2", "/v1/quarantine/reasons", "/v1/trace/o1?records",
        "/v1/tables/processed.order/history?limit=1", "/v1/tables/processed.order/files",
        "/v1/tables/processed.order/diff?from=main&to=main", "/v1/plan", "/v1/contracts",
        "/v1/contracts/order", "/v1/contracts/order/history", "/v1/policy", "/v1/staging-areas",
        "/v1/tokens", "/v1/doctor?port=1"}) {
    const http::HttpResponse response = Get(path);
    EXPECT_EQ(response.status, 200) << path << response.body;
    const auto document = nlohmann::json::parse(response.body);
    EXPECT_EQ(document["schema_version"], 1) << path;
  }
  EXPECT_EQ(nlohmann::json::parse(Get("/v1/runs?limit=2").body)["runs"].size(), 2u);
  EXPECT_TRUE(errors.empty());
}

// The path of a route with `word` for what it leaves open.
std::string PathWith(const Route& route, const std::string& word) {
  const std::string path(route.path);
  const std::size_t begin = path.find('{');
  if (begin == std::string::npos) return path;
  return path.substr(0, begin) + word + path.substr(path.find('}') + 1);
}

TEST_F(V1Test, WhatWritesAndWhatOnlyTheOwnerMaySeeNeedsTheToken) {
  for (const Route& route : Routes()) {
    const bool of_owner = route.method != "GET" || route.path == "/v1/tokens";
    EXPECT_EQ(route.role == Role::kOwner, of_owner) << route.path;
    const auto target = router.Parse(PathWith(route, "x"));
    ASSERT_OK(target);
    // Said of the path alone: whoever may not ask is not told what there is.
    EXPECT_EQ(router.Find(route.method, *target).options.requires_token, of_owner) << route.path;
  }
  ASSERT_OK_AND(const auto doctor, router.Parse("/v1/doctor"));
  EXPECT_TRUE(router.Find("GET", doctor).options.requires_token);
}

TEST_F(V1Test, WhatIsNotThereIs404AndWhatCannotBeMeantIs400) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  Ingest("2024-01-01");
  for (const std::string path :
       {"/v1/tables/processed.none/history", "/v1/tables/processed.none/files",
        "/v1/tables/processed.none/diff?from=main", "/v1/tables/processed.order/files?at=nope",
        "/v1/tables/processed.order/diff?from=main&to=nope", "/v1/contracts/none",
        "/v1/contracts/none/history", "/v1/staging-areas/r9999"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  for (const std::string path :
       {"/v1/tables/processed.order/history?limit=0", "/v1/tables/processed.order/diff",
        "/v1/tables/processed.order/diff?from=main&limit=x", "/v1/staging-areas/x",
        "/v1/doctor?port=0"}) {
    EXPECT_EQ(Get(path).status, 400) << path;
  }
}

TEST_F(V1Test, AReadThatMeetsDamagedBytesIsNoAnswer) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  Ingest("2024-01-01");
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.order"));
  weirhouse::testing::WriteFile(table->current_snapshot()->manifest_list, "no manifest list");
  Reopen();
  for (const std::string path :
       {"/v1/tables/processed.order/files", "/v1/tables/processed.order/diff?from=main"}) {
    EXPECT_EQ(Get(path).status, 500) << path;
  }
  EXPECT_EQ(errors.size(), 2u);
  EXPECT_EQ(Get("/v1/tables/processed.order/history").status, 200);  // of the catalog alone
}

TEST_F(V1Test, ADoctorWhoFindsAFaultSaysSoInItsStatusToo) {
  Write("gates/order.yaml", "gate: [");
  const http::HttpResponse response = Get("/v1/doctor");
  EXPECT_EQ(response.status, 400);
  const auto document = nlohmann::json::parse(response.body);
  EXPECT_GT(document["checks"].size(), 8u);
  closed = Status(Code::kCorruption, "the chain is broken").WithError("WH7008");
  EXPECT_EQ(Get("/v1/doctor").status, 500);
}

TEST_F(V1Test, TokensAreListedWithoutTheirSecrets) {
  policy::NewToken wanted;
  wanted.name = "etl";
  wanted.scopes = {"processed"};
  ASSERT_OK_AND(
      const policy::IssuedToken issued,
      policy::IssueToken(workspace->catalog(), wanted, workspace->random(), workspace->clock()));
  const http::HttpResponse response = Get("/v1/tokens");
  EXPECT_THAT(response.body, AllOf(HasSubstr(R"("name":"etl")"), Not(HasSubstr(issued.secret)),
                                   Not(HasSubstr(issued.token.sha256.ToHex()))));
}

TEST_F(V1Test, AnErrorIsWhatItIsCalledAndNeverAnAnswer) {
  const http::HttpResponse missing = Get("/v1/trace/o99");
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body, StartsWith(R"({"error":{"code":"WH6)"));
  EXPECT_EQ(errors.size(), 1u);
  EXPECT_EQ(Get("/v1/runs?limit=0").status, 400);
  EXPECT_EQ(Get("/v1/runs?limit=x").status, 400);
  EXPECT_EQ(Send("POST", "/v1/features", {}, "[]").status, 400);
  closed = Status(Code::kCorruption, "the chain is broken").WithError("WH7008");
  for (const Route& route : Routes()) {
    if (route.method != "GET") continue;
    const http::HttpResponse response = Get(PathWith(route, "x"));
    EXPECT_EQ(response.status, 500) << route.path;
    EXPECT_THAT(response.body, HasSubstr("WH7008")) << route.path;
  }
  EXPECT_EQ(Get("/healthz").status, 200);
}

TEST_F(V1Test, ADamagedCacheIsMendedAndAskedForAgain) {
  Options options;
  Status noted;
  options.on_error = [&](const Status& status) { noted = status; };
  const http::HttpResponse response =
      ErrorReply(options, Status(Code::kCorruption, "a block is damaged").WithError("WH7063"));
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, AllOf(HasSubstr("WH7063"), HasSubstr("send the request again")));
  EXPECT_EQ(noted.error_code(), "WH7063");
}

TEST_F(V1Test, TellsCommitsAsTheyHappenAndGoesOnWhereAClientWas) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ASSERT_OK_AND(const CommitSeq begin, workspace->catalog().LastSeq());
  const http::HttpResponse response = Get("/v1/events");
  ASSERT_NE(response.stream, nullptr);
  EXPECT_EQ(response.content_type, "text/event-stream");
  EXPECT_EQ(NextOf(*response.stream), fmt::format("retry: 1000\nid: {}\n\n", begin.value()));
  Ingest("2024-01-01");
  const std::string told = NextOf(*response.stream);
  EXPECT_THAT(told, StartsWith(fmt::format("id: {}\nevent: run\ndata: {{\"batch\":\"2024-01-01\"",
                                           begin.value() + 1)));
  EXPECT_THAT(told, AllOf(HasSubstr(R"("kind":"raw")"), HasSubstr(R"("kind":"processed")"),
                          HasSubstr(R"("kind":"feature")"), EndsWith("}\n\n")));
  EXPECT_EQ(NextOf(*response.stream), "");

  const std::string last_seen = std::to_string(begin.value() + 1);
  const http::HttpResponse again = Send("GET", "/v1/events", {{"last-event-id", last_seen}});
  ASSERT_NE(again.stream, nullptr);
  EXPECT_THAT(NextOf(*again.stream), AllOf(StartsWith("retry: 1000\nid: " + last_seen + "\n\nid: " +
                                                      std::to_string(begin.value() + 2) + "\n"),
                                           Not(HasSubstr(R"("kind":"raw")"))));
  const http::HttpResponse all = Get("/v1/events?after=0");
  ASSERT_NE(all.stream, nullptr);
  EXPECT_THAT(NextOf(*all.stream), HasSubstr("\n\nid: 1\nevent: run\n"));
}

TEST_F(V1Test, SendsTheQuarantineFileByFileAsItStoodWhenItWasAsked) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  const http::HttpResponse none = Get("/v1/quarantine");
  ASSERT_NE(none.stream, nullptr);
  EXPECT_EQ(NextOf(*none.stream), "{\"quarantine\":[],\"schema_version\":1}\n");
  for (const std::string day : {"2024-01-01", "2024-01-02"}) {
    Land(day + ".jsonl", work::Order("good" + day, 1, day + "T01:00:00Z", day + "T01:00:00Z") +
                             work::Order("bad" + day, -1, day + "T01:00:00Z", day + "T01:00:00Z"));
    ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  }
  const http::HttpResponse response = Get("/v1/quarantine?source=order");
  ASSERT_NE(response.stream, nullptr);
  Land("2024-01-03.jsonl", work::Order("late", -2, "2024-01-03T01:00:00Z", "2024-01-03T01:00:00Z"));
  ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  std::string body;
  int pieces = 0;
  while (true) {
    const auto piece = response.stream->Next();
    ASSERT_OK(piece);
    body += piece->bytes;
    ++pieces;
    if (piece->is_last) break;
  }
  EXPECT_EQ(pieces, 3);  // two files, and the end
  const auto document = nlohmann::json::parse(body);
  EXPECT_EQ(document["schema_version"], 1);
  ASSERT_EQ(document["quarantine"].size(), 2u);
  EXPECT_THAT(document["quarantine"][0]["place"].get<std::string>(), StartsWith("order/2024-01-0"));
  EXPECT_THAT(document["quarantine"][0]["reason"].get<std::string>(), HasSubstr("minimum"));
  EXPECT_THAT(Get("/v1/quarantine/reasons?source=order").body,
              AllOf(HasSubstr("\"records\":3"), EndsWith("\"schema_version\":1}\n")));
  EXPECT_EQ(Get("/v1/quarantine?source=none").status, 404);
}

TEST_F(V1Test, AnIdThatNoCommitHasIsRefused) {
  for (const std::string id : {"x", "-1", "999999", "1.5"}) {
    const http::HttpResponse response = Send("GET", "/v1/events", {{"last-event-id", id}});
    EXPECT_EQ(response.status, 400) << id;
    EXPECT_EQ(response.stream, nullptr);
  }
}

TEST_F(V1Test, AStreamWaitsForAProjectThatIsOpenedAnew) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  const http::HttpResponse response = Get("/v1/events");
  NextOf(*response.stream);
  closed = Status(Code::kUnavailable, "the project is closed").WithError("WH8046");
  EXPECT_EQ(NextOf(*response.stream), "");
  closed = Status();
  Ingest("2024-01-01");
  EXPECT_THAT(NextOf(*response.stream), HasSubstr("event: run"));
  closed = Status(Code::kCorruption, "the chain is broken").WithError("WH7008");
  EXPECT_EQ(response.stream->Next().status().code(), Code::kCorruption);
}
}  // namespace
}  // namespace weirhouse::v1
