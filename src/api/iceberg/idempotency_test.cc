#include "api/iceberg/idempotency.h"

#include <thread>

#include "api/iceberg/rest_fixture_test.h"

namespace weirhouse::rest {
namespace {
using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kTablesPath = "/v1/namespaces/lab/tables";
const std::string kTable = kTablesPath + "/t";

RestTest::Fields Key(int number) {
  return {{"idempotency-key", fmt::format("017f22e2-79b0-7cc3-98c4-{:012x}", number)}};
}

class IdempotencyTest : public RestTest {};

TEST_F(IdempotencyTest, AnswersARepeatedCommitAgainAndDoesNothing) {
  MakeTable("lab", "t");
  const Json body = BodyOf(WriteAppend(Load("lab.t"), 1, 3));
  const Answer first = Post(kTable, body, Key(1));
  ASSERT_EQ(first.status, 200) << first.text;
  const CommitSeq seq = LastSeq();
  const Answer again = Post(kTable, body, Key(1));
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(again.text, first.text);
  EXPECT_EQ(again.headers.at("ETag"), first.headers.at("ETag"));
  EXPECT_EQ(LastSeq(), seq);
  // Under another key it is stale, as it is without one.
  EXPECT_EQ(Post(kTable, body, Key(2)).status, 409);
  EXPECT_EQ(Post(kTable, body).status, 409);
}

TEST_F(IdempotencyTest, TellsTheStateAsItWasEvenIfTheTableHasMovedOnOrIsGone) {
  MakeTable("lab", "t");
  const Json body = BodyOf(WriteAppend(Load("lab.t"), 1, 3));
  const Answer first = Post(kTable, body, Key(1));
  ASSERT_EQ(Post(kTable, BodyOf(WriteAppend(Load("lab.t"), 9, 3))).status, 200);
  EXPECT_EQ(Post(kTable, body, Key(1)).text, first.text);
  ASSERT_EQ(Delete(kTable).status, 204);
  EXPECT_EQ(Post(kTable, body, Key(1)).text, first.text);
}

TEST_F(IdempotencyTest, RepeatsSettledRefusals) {
  MakeTable("lab", "t");
  EXPECT_EQ(Post(kTablesPath, CreateBody("t"), Key(1)).status, 409);
  ASSERT_EQ(Delete(kTable).status, 204);
  EXPECT_EQ(Post(kTablesPath, CreateBody("t"), Key(1)).status, 409);  // as it was
  EXPECT_EQ(Post(kTablesPath, CreateBody("t"), Key(2)).status, 200);
  EXPECT_EQ(Post(kTablesPath, CreateBody("t"), Key(2)).status, 200);
  EXPECT_EQ(Delete(kTable, Key(3)).status, 204);
  EXPECT_EQ(Delete(kTable, Key(3)).status, 204);
  EXPECT_EQ(Delete(kTable, Key(4)).status, 404);
}

TEST_F(IdempotencyTest, AnswersEveryKindOfChangeAgain) {
  const Json space = {{"namespace", {"lab"}}};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Post("/v1/namespaces", space, Key(1)).status, 200);
  Json staged = CreateBody("s");
  staged["stage-create"] = true;
  EXPECT_EQ(Post(kTablesPath, staged, Key(2)).text, Post(kTablesPath, staged, Key(2)).text);
  MakeTable("lab", "t");
  const Json rename = {{"source", {{"namespace", {"lab"}}, {"name", "t"}}},
                       {"destination", {{"namespace", {"lab"}}, {"name", "u"}}}};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Post("/v1/tables/rename", rename, Key(3)).status, 204);
  Json change = BodyOf(WriteAppend(Load("lab.u"), 1, 2));
  change["identifier"] = {{"namespace", {"lab"}}, {"name", "u"}};
  const Json both = {{"table-changes", {change}}};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Post("/v1/transactions/commit", both, Key(4)).status, 204);
  const Json properties = {{"removals", {"x"}}, {"updates", {{"a", "1"}}}};
  const std::string target = "/v1/namespaces/lab/properties";
  EXPECT_EQ(Post(target, properties, Key(5)).text, Post(target, properties, Key(5)).text);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Delete(kTablesPath + "/u", Key(6)).status, 204);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Delete("/v1/namespaces/lab", Key(7)).status, 204);
}

TEST_F(IdempotencyTest, RefusesAKeyOfAnotherRequestOrForm) {
  MakeTable("lab", "t");
  const std::string target = "/v1/namespaces/lab/properties";
  EXPECT_EQ(Post(target, {{"updates", {{"a", "1"}}}}, Key(1)).status, 200);
  const Answer other = Post(target, {{"updates", {{"a", "2"}}}}, Key(1));
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(other.type(), "UnprocessableEntityException");
  EXPECT_EQ(other.message(),
            "the idempotency key was used for another request; make a new key for each request; "
            "repeat one only with the same request [WH8092]");
  EXPECT_EQ(Delete(kTable, Key(1)).status, 422);
  for (const char* key :
       {"", "x", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g"}) {
    const Answer wrong = Delete(kTable, {{"idempotency-key", key}});
    EXPECT_EQ(wrong.status, 400) << key;
    EXPECT_THAT(wrong.message(), HasSubstr("WH8091"));
  }
  EXPECT_EQ(Head(kTable), 204);
}

TEST_F(IdempotencyTest, GivesEachTokenItsOwnKeys) {
  MakeTable("lab", "t");
  const std::string other = TokenOf("ann", policy::Role::kAdmin, {"*"});
  EXPECT_EQ(Delete(kTable, Key(1)).status, 204);
  EXPECT_EQ(Delete(kTable, Key(1), other).status, 404);
}

TEST_F(IdempotencyTest, DoesOnceWhatManyAskForAtOnce) {
  MakeTable("lab", "t");
  const Json body = BodyOf(WriteAppend(Load("lab.t"), 1, 3));
  std::vector<int> statuses(8);
  std::vector<std::thread> threads;
  for (int& status : statuses)
    threads.emplace_back([&] { status = Post(kTable, body, Key(1)).status; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(statuses, ::testing::Each(200));
  EXPECT_EQ(Load("lab.t")->snapshots.size(), 1u);
}
}  // namespace
}  // namespace weirhouse::rest
