#include "rules/policy/token.h"

#include <nlohmann/json.hpp>

#include "testing/testing.h"

namespace weirhouse::policy {
namespace {

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    catalog::CatalogOptions options;
    options.clock = &clock_;
    auto opened = catalog::OpenSqliteCatalog(scratch_ / "catalog.db", options);
    ASSERT_OK(opened);
    catalog_ = std::move(opened).value();
  }
  Result<IssuedToken> Issue(const std::string& name,
                            std::optional<std::chrono::seconds> lifetime = {}) {
    NewToken wanted;
    wanted.name = name;
    wanted.role = Role::kWriter;
    wanted.scopes = {"processed", "lab.a"};
    wanted.lifetime = lifetime;
    return IssueToken(*catalog_, wanted, random_, clock_);
  }
  std::string CodeOf(const Status& status) { return status.error_code(); }

  testing::ScratchFolder scratch_;
  SeededRandom random_{5};
  ManualClock clock_{ProcessTimeOfMicros(1'700'000'000'000'000)};
  std::unique_ptr<catalog::Catalog> catalog_;
};

TEST_F(TokenTest, ASecretIsFoundAgainAndKeptNowhere) {
  ASSERT_OK_AND(const IssuedToken issued, Issue("spark-etl"));
  EXPECT_EQ(issued.secret.size(), 46u);
  EXPECT_EQ(issued.secret.substr(0, 3), "wh_");
  ASSERT_OK_AND(const auto found, FindToken(*catalog_, issued.secret));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->who.name, "spark-etl");
  EXPECT_EQ(found->who.role, Role::kWriter);
  EXPECT_TRUE(found->who.Covers("lab.a"));
  EXPECT_FALSE(found->who.Covers("lab"));
  EXPECT_OK(CheckLive(*found, clock_.Now()));
  catalog_.reset();
  EXPECT_EQ(testing::ReadFile(scratch_ / "catalog.db").find(issued.secret), std::string::npos);
}

TEST_F(TokenTest, OtherSecretsAreNobody) {
  ASSERT_OK_AND(const IssuedToken issued, Issue("spark-etl"));
  for (const std::string& secret : {std::string(), std::string("wh_"), issued.secret + "A",
                                    issued.secret.substr(0, 45), issued.token.sha256.ToHex()}) {
    ASSERT_OK_AND(const auto found, FindToken(*catalog_, secret));
    EXPECT_FALSE(found.has_value()) << secret;
  }
}

TEST_F(TokenTest, ATokenExpiresAtItsTimeAndNotBefore) {
  ASSERT_OK_AND(const IssuedToken issued, Issue("short", std::chrono::hours(1)));
  clock_.Advance(std::chrono::hours(1) - std::chrono::microseconds(1));
  EXPECT_OK(CheckLive(issued.token, clock_.Now()));
  clock_.Advance(std::chrono::microseconds(1));
  ASSERT_OK_AND(const auto found, FindToken(*catalog_, issued.secret));
  const Status status = CheckLive(*found, clock_.Now());
  EXPECT_EQ(CodeOf(status), "WH7092");
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
}

TEST_F(TokenTest, NinetyDaysUnlessSaidOtherwiseAndForEverIfAskedFor) {
  ASSERT_OK_AND(const IssuedToken usual, Issue("usual"));
  EXPECT_EQ(*usual.token.expires_at - usual.token.created_at, std::chrono::hours(90 * 24));
  ASSERT_OK_AND(const IssuedToken lasting, Issue("lasting", std::chrono::seconds(0)));
  EXPECT_FALSE(lasting.token.expires_at.has_value());
  clock_.Advance(std::chrono::hours(24 * 3650));
  EXPECT_OK(CheckLive(lasting.token, clock_.Now()));
  EXPECT_EQ(CodeOf(Issue("before", std::chrono::seconds(-1)).status()), "WH7090");
}

TEST_F(TokenTest, ARevokedTokenStaysRevokedWithItsFirstReason) {
  ASSERT_OK_AND(const IssuedToken issued, Issue("leaked"));
  ASSERT_OK(RevokeToken(*catalog_, "leaked", "it was in a log", clock_));
  clock_.Advance(std::chrono::seconds(5));
  ASSERT_OK(RevokeToken(*catalog_, issued.token.who.id, "again", clock_));
  ASSERT_OK_AND(const auto found, FindToken(*catalog_, issued.secret));
  const Status status = CheckLive(*found, clock_.Now());
  EXPECT_EQ(CodeOf(status), "WH7093");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("it was in a log"));
}

TEST_F(TokenTest, ANameIsTakenWhileItsTokenLives) {
  ASSERT_OK_AND(const IssuedToken first, Issue("etl"));
  EXPECT_EQ(CodeOf(Issue("etl").status()), "WH7090");
  ASSERT_OK(RevokeToken(*catalog_, "etl", "rotation", clock_));
  ASSERT_OK_AND(const IssuedToken second, Issue("etl"));
  ASSERT_OK(RevokeToken(*catalog_, "etl", "the live one", clock_));
  ASSERT_OK_AND(const auto tokens, ListTokens(*catalog_));
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0].who.id, first.token.who.id);
  EXPECT_EQ(tokens[1].revoke_reason, "the live one");
}

TEST_F(TokenTest, NamesAndScopesAreChecked) {
  for (const char* name : {"", "t3", "project", "a b", "x\n", "naïve"}) {
    EXPECT_EQ(CodeOf(Issue(name).status()), "WH7090") << name;
  }
  for (const char* scope : {"", ".", "a..b", "a.", "lab/../x", "* "}) {
    NewToken wanted;
    wanted.name = "etl";
    wanted.scopes = {scope};
    EXPECT_EQ(CodeOf(IssueToken(*catalog_, wanted, random_, clock_).status()), "WH7090") << scope;
  }
  NewToken nowhere;
  nowhere.name = "etl";
  EXPECT_EQ(CodeOf(IssueToken(*catalog_, nowhere, random_, clock_).status()), "WH7090");
}

TEST_F(TokenTest, TheProjectsOwnTokenIsAnAdmins) {
  catalog::CommitRequest request;
  catalog::RunPlan plan;
  plan.kind = catalog::RunKind::kInit;
  plan.step_identity = Sha256Of("init");
  plan.idempotency_key = "init";
  ASSERT_OK_AND(const catalog::Run run, catalog_->PlanRun(plan));
  request.run = run.id;
  request.idempotency_key = "init";
  request.layer = catalog::Layer::kMaintenance;
  request.settings = {catalog::setting::ProjectToken().To(Sha256Of("wh_own"))};
  ASSERT_OK(catalog_->Commit(request));
  ASSERT_OK_AND(const auto found, FindToken(*catalog_, "wh_own"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->who.role, Role::kAdmin);
  EXPECT_TRUE(found->who.Covers("anything"));
  EXPECT_EQ(CodeOf(RevokeToken(*catalog_, "project", "", clock_)), "WH7090");
}

TEST_F(TokenTest, TheProjectsTokenIsReplacedByOneAsLongAsAnyOther) {
  ASSERT_OK_AND(const std::string first, ReplaceProjectToken(*catalog_, "ann", random_));
  ASSERT_OK_AND(const std::string second, ReplaceProjectToken(*catalog_, "ann", random_));
  ASSERT_OK_AND(const IssuedToken other, Issue("etl"));
  EXPECT_EQ(first.size(), other.secret.size());
  EXPECT_NE(first, second);
  ASSERT_OK_AND(const auto gone, FindToken(*catalog_, first));
  EXPECT_FALSE(gone.has_value());
  ASSERT_OK_AND(const auto found, FindToken(*catalog_, second));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->who.id, "project");
  ASSERT_OK_AND(const auto runs,
                catalog_->Runs({catalog::RunKind::kToken, catalog::RunState::kCommitted, {}, 10}));
  EXPECT_EQ(runs.size(), 3U);
}

TEST_F(TokenTest, AnUnknownNameIsSaidWithWhatIsNear) {
  ASSERT_OK(Issue("spark-etl"));
  const Status status = RevokeToken(*catalog_, "spark-elt", "", clock_);
  EXPECT_EQ(CodeOf(status), "WH7091");
  EXPECT_THAT(status.hint(), ::testing::HasSubstr("spark-etl"));
}

TEST_F(TokenTest, AStagingAreasTokenKeepsItsTables) {
  NewToken wanted;
  wanted.name = "staging-r12";
  wanted.role = Role::kPublisher;
  wanted.staging_area = RunId(12);
  wanted.view_tables = {"processed.trip"};
  ASSERT_OK_AND(const IssuedToken issued, IssueToken(*catalog_, wanted, random_, clock_));
  ASSERT_OK_AND(const auto found, FindToken(*catalog_, issued.secret));
  EXPECT_EQ(found->who.staging_area, RunId(12));
  EXPECT_EQ(found->who.view_tables, wanted.view_tables);
}

TEST_F(TokenTest, EachIssueAndRevocationIsARun) {
  ASSERT_OK(Issue("etl"));
  ASSERT_OK(RevokeToken(*catalog_, "etl", "done", clock_));
  ASSERT_OK_AND(const auto runs,
                catalog_->Runs({catalog::RunKind::kToken, catalog::RunState::kCommitted, {}, 10}));
  EXPECT_EQ(runs.size(), 2u);
}
}  // namespace
}  // namespace weirhouse::policy
