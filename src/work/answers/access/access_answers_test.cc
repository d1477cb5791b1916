#include <nlohmann/json.hpp>

#include "testing/projects/shop_fixture.h"
#include "work/answers/access/policy_answer.h"
#include "work/answers/access/staging_answer.h"
#include "work/answers/access/token_answer.h"
#include "work/answers/json_line.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

using AccessAnswersTest = work::ShopTest;

TEST_F(AccessAnswersTest, TokensAreListedWithTheirStateAndWithoutTheirSecrets) {
  policy::NewToken wanted;
  wanted.name = "etl";
  wanted.role = policy::Role::kWriter;
  wanted.scopes = {"processed", "raw.order"};
  catalog::Catalog& catalog = workspace->catalog();
  ASSERT_OK_AND(const policy::IssuedToken issued,
                policy::IssueToken(catalog, wanted, workspace->random(), workspace->clock()));
  EXPECT_EQ(ToJson(issued)["token"], issued.secret);
  wanted.name = "old";
  wanted.lifetime = std::chrono::seconds(0);
  ASSERT_OK(policy::IssueToken(catalog, wanted, workspace->random(), workspace->clock()));
  ASSERT_OK(policy::RevokeToken(catalog, "old", "gone", workspace->clock()));
  ASSERT_OK_AND(const TokensAnswer answer, ListTokens(*workspace));
  ASSERT_EQ(answer.tokens.size(), 2u);
  const json document = ToJson(answer);
  EXPECT_EQ(document["tokens"][0]["state"], "live");
  EXPECT_EQ(document["tokens"][0]["on"], "processed, raw.order");
  EXPECT_FALSE(document["tokens"][0].contains("revoked_at"));
  EXPECT_EQ(document["tokens"][1]["state"], "revoked");
  EXPECT_EQ(document["tokens"][1]["reason"], "gone");
  EXPECT_TRUE(document["tokens"][1]["expires_at"].is_null());
  const std::string text = JsonLine(document);
  EXPECT_THAT(text, Not(HasSubstr(issued.secret)));
  EXPECT_THAT(text, Not(HasSubstr(issued.token.sha256.ToHex())));
}

TEST_F(AccessAnswersTest, PolicySaysWhatRolesMayDoAndWhoWritesEachTable) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  Land("2024-01-01.jsonl", work::Order("o1", 1, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z"));
  ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  ASSERT_OK_AND(const PolicyAnswer answer, ReadPolicy(*workspace));
  EXPECT_EQ(answer.rights.size(), 25u);  // five layers, five roles
  const json document = ToJson(answer);
  EXPECT_EQ(document["rights"][0],
            (json{{"layer", "raw"}, {"role", "reader"}, {"rights", "read"}}));
  bool found = false;
  for (const json& row : document["tables"]) {
    if (row["table"] != "processed.order") continue;
    found = true;
    EXPECT_EQ(row["gate"], "order");
    EXPECT_NE(row["written_by"], "other engines");
  }
  EXPECT_TRUE(found);
}

TEST_F(AccessAnswersTest, PoliciesForS3AreThoseOfTheRoleAndLayerThatAreAsked) {
  policy::AwsOptions options;
  options.bucket = "lake-bucket";
  ASSERT_OK_AND(const AwsPoliciesAnswer all, ReadAwsPolicies(*workspace, options, "", ""));
  ASSERT_OK_AND(const AwsPoliciesAnswer one, ReadAwsPolicies(*workspace, options, "writer", "raw"));
  ASSERT_OK_AND(const AwsPoliciesAnswer none, ReadAwsPolicies(*workspace, options, "nobody", ""));
  EXPECT_GT(all.policies.size(), 1u);
  ASSERT_EQ(one.policies.size(), 1u);
  EXPECT_EQ(ToJson(one)["policies"][0]["name"], "weirhouse-raw-writer");
  EXPECT_FALSE(ToJson(all)["bucket_policy"].is_null());
  EXPECT_TRUE(none.policies.empty());
  options.bucket = "NO BUCKET";
  EXPECT_EQ(ReadAwsPolicies(*workspace, options, "", "").status().error_code(), "WH7090");
}

TEST_F(AccessAnswersTest, AStagingAreaIsShownWithoutItsToken) {
  ASSERT_OK_AND(const StagingAreasAnswer none, ListStagingAreas(*workspace));
  EXPECT_EQ(ToJson(none), (json{{"staging_areas", json::array()}}));
  EXPECT_EQ(ReadStagingArea(*workspace, RunId(99)).status().error_code(), "WH7110");
  // The area's documents, of values alone.
  work::StagingArea area;
  area.run = RunId(7);
  area.tables = {"open.a", "open.b"};
  area.opened_by = "me";
  area.state = "open";
  area.base["open.a"] = SnapshotId(3);
  const json row = ToJson(StagingAreasAnswer{{area}})["staging_areas"][0];
  EXPECT_EQ(row["tables"], "open.a, open.b");
  EXPECT_TRUE(row["problem"].is_null());
  StagingAreaAnswer shown{area, {{"open.a", StagedTable{SnapshotId(4), "12"}}, {"open.b", {}}}};
  const json document = ToJson(shown);
  EXPECT_EQ(document["staged"], (json{{"open.a", 4}}));
  EXPECT_EQ(document["staged_from"], (json{{"open.a", 3}}));
  EXPECT_FALSE(document.contains("token"));
  const json opened =
      ToJson(StagingOpenedAnswer{{area, "wh_secret"}, "http://h/iceberg/staging/r7"});
  EXPECT_EQ(opened["token"], "wh_secret");
  EXPECT_EQ(opened["run"], "r7");
}
}  // namespace
}  // namespace weirhouse::answers
