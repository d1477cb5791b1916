#include "api/iceberg/rest.h"

#include <algorithm>
#include <set>

#include "api/iceberg/rest_fixture_test.h"
#include "api/iceberg/route.h"
#include "work/foreign/staging_area.h"

namespace weirhouse::rest {
namespace {
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

const std::string kNamespaces = "/v1/namespaces";
const std::string kTables = "/v1/namespaces/lab/tables";

Json ViewBody() {
  return {{"name", "v"},
          {"schema", RestTest::CreateBody("x")["schema"]},
          {"view-version",
           {{"version-id", 1},
            {"timestamp-ms", 1},
            {"schema-id", 0},
            {"summary", {{"engine-name", "spark"}}},
            {"default-namespace", {"lab"}},
            {"representations", {{{"type", "sql"}, {"sql", "select 1"}, {"dialect", "spark"}}}}}},
          {"properties", {{"a", "1"}}}};
}

std::vector<std::string> NamesIn(const Json& body) {
  std::vector<std::string> names;
  for (const Json& one : body.at("identifiers")) names.push_back(one.at("name"));
  return names;
}

TEST_F(RestTest, TellsItsEndpointsAndKnowsItsOwnWarehouseAlone) {
  const Answer config = Get("/v1/config?warehouse=shop");
  ASSERT_EQ(config.status, 200);
  EXPECT_EQ(config.body["idempotency-key-lifetime"], "PT30M");
  const auto endpoints = config.body["endpoints"].get<std::vector<std::string>>();
  EXPECT_EQ(endpoints.size(), Routes().size());
  for (const char* wanted :
       {"POST /v1/{prefix}/transactions/commit",
        "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
        "HEAD /v1/{prefix}/namespaces/{namespace}", "POST /v1/{prefix}/views/rename"})
    EXPECT_THAT(endpoints, Contains(wanted));
  EXPECT_EQ(Get("/v1/config").status, 200);
  EXPECT_EQ(Get("/v1/config?warehouse=").status, 200);
  const Answer other = Get("/v1/config?warehouse=another");
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(other.type(), "NoSuchWarehouseException");
  EXPECT_EQ(other.message(),
            "Warehouse does not exist: another; name the project, \"shop\", or no warehouse at all "
            "[WH8090]");
}

TEST_F(RestTest, DescribesEveryRouteInItsOpenApiDocument) {
  const Answer document = Get("/openapi.json");
  ASSERT_EQ(document.status, 200);
  std::set<std::string> operations;
  for (const auto& [path, methods] : document.body["paths"].items()) {
    for (const auto& [method, operation] : methods.items())
      operations.insert(operation.at("operationId"));
  }
  EXPECT_EQ(operations.size(), Routes().size());
  EXPECT_EQ(Get("/openapi.yaml").text, document.text);
}

TEST_F(RestTest, LetsNobodyInWithoutALiveToken) {
  const std::string token = TokenOf("etl", policy::Role::kReader, {"*"});
  EXPECT_EQ(Get(kNamespaces, {}, token).status, 200);
  ASSERT_OK(policy::RevokeToken(workspace->catalog(), "etl", "left the team", SystemClock()));
  const Answer revoked = Get(kNamespaces, {}, token);
  EXPECT_EQ(revoked.status, 401);
  EXPECT_EQ(revoked.type(), "NotAuthorizedException");
  EXPECT_THAT(revoked.message(), HasSubstr("left the team"));
  EXPECT_EQ(revoked.headers.count("WWW-Authenticate"), 1u);
  EXPECT_EQ(Get(kNamespaces, {}, "wh_nobody").status, 401);
  EXPECT_EQ(Get("/openapi.json", {}, "wh_nobody").status, 401);
}

TEST_F(RestTest, MakesListsAndDropsNamespacesOfSeveralLevels) {
  EXPECT_EQ(Post(kNamespaces, {{"namespace", {"lab"}}, {"properties", {{"owner", "ann"}}}}).body,
            Json({{"namespace", {"lab"}}, {"properties", {{"owner", "ann"}}}}));
  EXPECT_EQ(Post(kNamespaces, {{"namespace", {"lab", "a b/ü"}}}).status, 200);
  EXPECT_EQ(Get("/v1/namespaces?parent=lab").body["namespaces"],
            Json::array({Json::array({"lab", "a b/ü"})}));
  EXPECT_EQ(Get("/v1/namespaces/lab%1Fa+b%2F%C3%BC").body["namespace"], Json({"lab", "a b/ü"}));
  EXPECT_EQ(Head("/v1/namespaces/lab%1Fa%20b%2F%C3%BC"), 204);

  const Answer again = Post(kNamespaces, {{"namespace", {"lab"}}});
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.type(), "AlreadyExistsException");
  EXPECT_THAT(again.message(), StartsWith("Namespace already exists"));
  const Answer full = Delete("/v1/namespaces/lab");
  EXPECT_EQ(full.status, 409);
  EXPECT_EQ(full.type(), "NamespaceNotEmptyException");
  EXPECT_THAT(full.message(), HasSubstr("is not empty"));
  EXPECT_EQ(Delete("/v1/namespaces/lab%1Fa%20b%2F%C3%BC").status, 204);
  EXPECT_EQ(Delete("/v1/namespaces/lab").status, 204);
  const Answer gone = Delete("/v1/namespaces/lab");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.message(), "Namespace does not exist: lab");
  EXPECT_EQ(gone.type(), "NoSuchNamespaceException");
  EXPECT_EQ(Get("/v1/namespaces?parent=lab").type(), "NoSuchNamespaceException");
  EXPECT_EQ(Get("/v1/namespaces/lab/tables").type(), "NoSuchNamespaceException");
  EXPECT_EQ(Head("/v1/namespaces/lab"), 404);
}

TEST_F(RestTest, SetsAndRemovesPropertiesOfANamespace) {
  Post(kNamespaces, {{"namespace", {"lab"}}, {"properties", {{"a", "1"}, {"b", "2"}}}});
  const Answer changed =
      Post("/v1/namespaces/lab/properties", {{"removals", {"a", "x"}}, {"updates", {{"c", "3"}}}});
  EXPECT_EQ(changed.body, Json({{"updated", {"c"}}, {"removed", {"a"}}, {"missing", {"x"}}}));
  EXPECT_EQ(Get("/v1/namespaces/lab").body["properties"], Json({{"b", "2"}, {"c", "3"}}));
  const Answer both =
      Post("/v1/namespaces/lab/properties", {{"removals", {"b"}}, {"updates", {{"b", "3"}}}});
  EXPECT_EQ(both.status, 422);
  EXPECT_EQ(both.type(), "UnprocessableEntityException");
  EXPECT_EQ(Post("/v1/namespaces/none/properties", {{"removals", {"b"}}}).status, 404);
}

TEST_F(RestTest, PagesThroughListsWithOpaqueTokens) {
  for (const char* name : {"t1", "t2", "t3"}) MakeTable("lab", name);
  EXPECT_THAT(NamesIn(Get(kTables).body), ElementsAre("t1", "t2", "t3"));
  EXPECT_EQ(Get(kTables).body.count("next-page-token"), 0u);
  const Answer first = Get(kTables + "?pageToken=&pageSize=2");
  EXPECT_THAT(NamesIn(first.body), ElementsAre("t1", "t2"));
  const std::string token = first.body["next-page-token"];
  const Answer second = Get(kTables + "?pageSize=2&pageToken=" + token);
  EXPECT_THAT(NamesIn(second.body), ElementsAre("t3"));
  EXPECT_EQ(second.body.count("next-page-token"), 0u);
  EXPECT_EQ(Get(kTables + "?pageSize=3").body.count("next-page-token"), 0u);
  std::set<std::string> seen;
  std::string next;
  do {
    const Json page = Get("/v1/namespaces?pageSize=2&pageToken=" + next).body;
    for (const Json& levels : page["namespaces"]) seen.insert(levels[0]);
    next = page.value("next-page-token", "");
  } while (!next.empty());
  EXPECT_EQ(seen.size(), Get(kNamespaces).body["namespaces"].size());
  for (const char* wrong : {"?pageSize=0", "?pageSize=x", "?pageSize=-1", "?pageToken=zz"})
    EXPECT_EQ(Get(kTables + wrong).status, 400) << wrong;
}

TEST_F(RestTest, CreatesATableOrOnlyStagesIt) {
  Post(kNamespaces, {{"namespace", {"lab"}}});
  const Answer made = Post(kTables, CreateBody("t"));
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.body["metadata"]["format-version"], 2);
  EXPECT_TRUE(made.body["config"].is_object());
  EXPECT_EQ(made.headers.count("ETag"), 1u);
  EXPECT_EQ(Get("/v1/namespaces/lab/tables/t").text, made.text);
  EXPECT_EQ(Head("/v1/namespaces/lab/tables/t"), 204);

  const Answer again = Post(kTables, CreateBody("t"));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.type(), "AlreadyExistsException");
  EXPECT_THAT(again.message(), StartsWith("Table already exists: lab.t"));

  Json body = CreateBody("staged");
  body["stage-create"] = true;
  const Answer staged = Post(kTables, body);
  ASSERT_EQ(staged.status, 200) << staged.text;
  EXPECT_EQ(staged.body.count("metadata-location"), 0u);
  EXPECT_EQ(staged.headers.count("ETag"), 0u);
  EXPECT_EQ(Head("/v1/namespaces/lab/tables/staged"), 404);

  const Answer nowhere = Post("/v1/namespaces/none/tables", CreateBody("t"));
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(nowhere.message(), "Namespace does not exist: none");
}

TEST_F(RestTest, AnswersALoadByItsEntityTag) {
  MakeTable("lab", "t");
  const std::string target = "/v1/namespaces/lab/tables/t";
  const Answer all = Get(target);
  const Answer refs = Get(target + "?snapshots=refs");
  EXPECT_NE(all.headers.at("ETag"), refs.headers.at("ETag"));
  const Answer same = Get(target, {{"if-none-match", "\"x\", W/" + all.headers.at("ETag")}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.text, "");
  EXPECT_EQ(Get(target, {{"if-none-match", refs.headers.at("ETag")}}).status, 200);
  const auto table = Load("lab.t");
  ASSERT_EQ(Post(target, BodyOf(WriteAppend(table, 1, 3))).status, 200);
  EXPECT_EQ(Get(target, {{"if-none-match", all.headers.at("ETag")}}).status, 200);
  EXPECT_EQ(Get(target + "?snapshots=some").status, 400);
}

TEST_F(RestTest, LeavesOutSnapshotsThatNoRefNamesIfAsked) {
  MakeTable("lab", "t");
  const std::string target = "/v1/namespaces/lab/tables/t";
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(Post(target, BodyOf(WriteAppend(Load("lab.t"), i * 10, 3))).status, 200);
  EXPECT_EQ(Get(target).body["metadata"]["snapshots"].size(), 3u);
  const Json refs = Get(target + "?snapshots=refs").body["metadata"];
  ASSERT_EQ(refs["snapshots"].size(), 1u);
  EXPECT_EQ(refs["snapshots"][0]["snapshot-id"], refs["current-snapshot-id"]);
  EXPECT_EQ(commits, 4);  // the table itself, and three appends
}

// A table or view that the catalog has is there, whatever became of its file: only where a table is
// loaded a missing file is 404, as the compatibility kit asks, and of another type than a missing table.
TEST_F(RestTest, CallsAMetadataFileThatIsMissingOrDamagedCorruption) {
  MakeTable("lab", "t");
  ASSERT_EQ(Post("/v1/namespaces/lab/views", ViewBody()).status, 200);
  const std::string table = "/v1/namespaces/lab/tables/t";
  const std::string view = "/v1/namespaces/lab/views/v";
  const Answer loaded = Get(table);
  const std::vector<std::string> files = {loaded.body["metadata-location"],
                                          Get(view).body["metadata-location"]};
  const Json nothing = {{"requirements", Json::array()}, {"updates", Json::array()}};
  const Fields known = {{"if-none-match", loaded.headers.at("ETag")}};
  for (const bool missing : {true, false}) {
    for (const std::string& file : files) {
      if (missing) std::filesystem::rename(file, file + ".away");
      if (!missing) weirhouse::testing::WriteFile(file, R"({"format-version":2,)");
    }
    // What was parsed before is of no use to a client that cannot open the file.
    if (missing) {
      EXPECT_EQ(Get(table, known).status, 404);
    }
    Reopen();
    for (const Answer& answer : {Get(table), Get(table + "?snapshots=refs")}) {
      EXPECT_EQ(answer.status, missing ? 404 : 500) << answer.text;
      EXPECT_EQ(answer.type(), missing ? "NotFoundException" : "ServiceFailureException");
      EXPECT_THAT(answer.message(), HasSubstr(missing ? "[WH8093]" : "[WH7050]"));
    }
    const Answer answers[] = {Post(table, nothing), Delete(table + "?purgeRequested=true"),
                              Get(view), Post(view, nothing)};
    for (const Answer& answer : answers) {
      EXPECT_EQ(answer.status, 500) << missing << answer.text;
      EXPECT_EQ(answer.type(), "ServiceFailureException") << answer.text;
      EXPECT_THAT(answer.message(), HasSubstr(missing ? "[WH8093]" : "[WH7050]"));
    }
    EXPECT_EQ(Head(table), 204);
    EXPECT_EQ(Head(view), 204);
    EXPECT_THAT(NamesIn(Get(kTables).body), ElementsAre("t"));
    EXPECT_EQ(Get("/v1/namespaces/lab").status, 200);
    for (const std::string& file : files) {
      if (missing) std::filesystem::rename(file + ".away", file);
    }
  }
  EXPECT_EQ(Delete(table).status, 204);  // it may be let go of
  EXPECT_EQ(Delete(view).status, 204);
  EXPECT_EQ(Get(table).type(), "NoSuchTableException");
}

TEST_F(RestTest, CommitsIfTheRequirementsHoldAndConflictsIfNot) {
  MakeTable("lab", "t");
  const std::string target = "/v1/namespaces/lab/tables/t";
  const auto base = Load("lab.t");
  const Written first = WriteAppend(base, 1, 3);
  const Written second = WriteAppend(base, 10, 2);
  const Answer done = Post(target, BodyOf(first));
  ASSERT_EQ(done.status, 200) << done.text;
  EXPECT_EQ(done.body["metadata"]["current-snapshot-id"], first.snapshot.value());
  EXPECT_EQ(done.headers.at("ETag"), Get(target).headers.at("ETag"));
  const Answer late = Post(target, BodyOf(second));
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.type(), "CommitFailedException");
  const int before = commits;
  const Answer nothing =
      Post(target, {{"requirements", Json::array()}, {"updates", Json::array()}});
  EXPECT_EQ(nothing.status, 200);
  EXPECT_EQ(nothing.body["metadata-location"], done.body["metadata-location"]);
  EXPECT_EQ(commits, before);
  EXPECT_THAT(late.message(), StartsWith("Requirement failed: "));
  const Json create = {{"requirements", {{{"type", "assert-create"}}}}, {"updates", Json::array()}};
  const Answer taken = Post(target, create);
  EXPECT_EQ(taken.type(), "AlreadyExistsException");
  EXPECT_THAT(taken.message(), StartsWith("Requirement failed: table already exists"));
  Json other = BodyOf(second);
  other["identifier"] = {{"namespace", {"lab"}}, {"name", "u"}};
  EXPECT_EQ(Post(target, other).status, 400);
  EXPECT_EQ(Post("/v1/namespaces/lab/tables/none", BodyOf(second)).type(), "NoSuchTableException");
}

TEST_F(RestTest, CommitsSeveralTablesAllOrNone) {
  MakeTable("lab", "t");
  MakeTable("lab", "u");
  const auto change = [](const Written& written, const std::string& name) {
    Json one = BodyOf(written);
    one["identifier"] = {{"namespace", {"lab"}}, {"name", name}};
    return one;
  };
  const Written t = WriteAppend(Load("lab.t"), 1, 2);
  const Written u = WriteAppend(Load("lab.u"), 1, 2);
  const Answer both =
      Post("/v1/transactions/commit", {{"table-changes", {change(t, "t"), change(u, "u")}}});
  EXPECT_EQ(both.status, 204) << both.text;
  EXPECT_EQ(Load("lab.t")->snapshots.size(), 1u);
  EXPECT_EQ(Load("lab.u")->snapshots.size(), 1u);
  // `u` again is stale, so `t` must not move either.
  const Written next = WriteAppend(Load("lab.t"), 5, 2);
  const Answer refused =
      Post("/v1/transactions/commit", {{"table-changes", {change(next, "t"), change(u, "u")}}});
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(Load("lab.t")->snapshots.size(), 1u);
  for (const Json& wrong :
       {Json::object(), Json{{"table-changes", Json::array()}}, Json{{"table-changes", 1}},
        Json{{"table-changes", {1}}}, Json{{"table-changes", {BodyOf(next)}}},
        Json{{"table-changes", {change(next, "t"), change(next, "t")}}}})
    EXPECT_EQ(Post("/v1/transactions/commit", wrong).status, 400) << wrong;
}

TEST_F(RestTest, DropsRenamesAndRegistersTables) {
  MakeTable("lab", "t");
  MakeTable("lab", "u");
  const auto rename = [this](const std::string& from, const std::string& space,
                             const std::string& to) {
    return Post("/v1/tables/rename", {{"source", {{"namespace", {"lab"}}, {"name", from}}},
                                      {"destination", {{"namespace", {space}}, {"name", to}}}});
  };
  EXPECT_EQ(rename("t", "lab", "u").status, 409);
  EXPECT_THAT(rename("t", "lab", "u").message(),
              StartsWith("Cannot rename lab.t to lab.u. Table already exists"));
  EXPECT_EQ(rename("none", "lab", "v").type(), "NoSuchTableException");
  EXPECT_EQ(rename("t", "none", "v").type(), "NoSuchNamespaceException");
  EXPECT_EQ(rename("t", "lab", "v").status, 204);
  EXPECT_THAT(NamesIn(Get(kTables).body), ElementsAre("u", "v"));

  const std::string location = Get("/v1/namespaces/lab/tables/v").body["metadata-location"];
  EXPECT_EQ(Delete("/v1/namespaces/lab/tables/v?purgeRequested=maybe").status, 400);
  EXPECT_EQ(Delete("/v1/namespaces/lab/tables/v?purgeRequested=false").status, 204);
  EXPECT_EQ(Delete("/v1/namespaces/lab/tables/v").type(), "NoSuchTableException");
  const Json body = {{"name", "w"}, {"metadata-location", location}};
  const Answer registered = Post("/v1/namespaces/lab/register", body);
  ASSERT_EQ(registered.status, 200) << registered.text;
  EXPECT_EQ(registered.body["metadata-location"], location);
  EXPECT_EQ(Post("/v1/namespaces/lab/register", body).type(), "AlreadyExistsException");
  EXPECT_EQ(Delete("/v1/namespaces/lab/tables/w?purgeRequested=true").status, 204);
  EXPECT_FALSE(std::filesystem::exists(location));
}

TEST_F(RestTest, TakesMetricsAndLendsNoCredentials) {
  MakeTable("lab", "t");
  const std::string table = "/v1/namespaces/lab/tables/t";
  EXPECT_EQ(Post(table + "/metrics", {{"report-type", "scan-report"}, {"x", 1}}).status, 204);
  EXPECT_EQ(Post(table + "/metrics", Json::object()).status, 400);
  EXPECT_EQ(Get(table + "/credentials").body, Json({{"storage-credentials", Json::array()}}));
  EXPECT_EQ(Get("/v1/namespaces/lab/tables/none/credentials").status, 404);
}

TEST_F(RestTest, FindsNothingUnderNamesThatCannotExistAndMakesNone) {
  MakeTable("lab", "t");
  for (const char* name : {"a.b", ".", "t.snapshots", "t."}) {
    const std::string step = std::string(name) == "." ? "%2E%2E%2E" : name;
    EXPECT_EQ(Get("/v1/namespaces/lab/tables/" + step).type(), "NoSuchTableException") << name;
    EXPECT_EQ(Head("/v1/namespaces/lab/tables/" + step), 404) << name;
  }
  EXPECT_EQ(Get("/v1/namespaces/lab%1Ft/tables/snapshots").type(), "NoSuchTableException");
  EXPECT_EQ(Get("/v1/namespaces/la.b/tables/t").type(), "NoSuchTableException");
  for (const Json& name : {Json("a.b"), Json(""), Json(1), Json(), Json("a\nb"), Json("..")})
    EXPECT_EQ(Post(kTables, CreateBody("x").patch(Json::array(
                                {{{"op", "replace"}, {"path", "/name"}, {"value", name}}})))
                  .status,
              400)
        << name;
  for (const Json& levels : {Json::array(), Json("lab"), Json({"a", 1}), Json({"a.b"}), Json({""})})
    EXPECT_EQ(Post(kNamespaces, {{"namespace", levels}}).status, 400) << levels;
}

TEST_F(RestTest, RefusesBodiesThatAreNotOneObjectOfJson) {
  MakeTable("lab", "t");
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("1"),
        std::string("{\"a\":\"\xff\"}"), std::string(1'000'000, '['),
        "{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}"}) {
    EXPECT_EQ(AskText("POST", kNamespaces, body).status, 400) << body.substr(0, 20);
    EXPECT_EQ(AskText("POST", "/v1/namespaces/lab/tables/t", body).status, 400);
  }
  for (const char* updates : {"1", "{}", "[1]", "[{}]", R"([{"action":"fly"}])", "[[]]"}) {
    const Answer wrong = AskText("POST", "/v1/namespaces/lab/tables/t",
                                 fmt::format(R"({{"requirements":[],"updates":{}}})", updates));
    EXPECT_EQ(wrong.status, 400) << updates << wrong.text;
    EXPECT_EQ(wrong.type(), "BadRequestException");
  }
}

TEST_F(RestTest, RefusesByPolicyWithItsReasonAndWritesAnAuditLine) {
  MakeTable("lab", "t");
  const std::string reader = TokenOf("ann", policy::Role::kReader, {"lab"});
  const std::string stranger = TokenOf("bob", policy::Role::kWriter, {"other"});
  const Answer refused =
      Post("/v1/namespaces/lab/tables/t", BodyOf(WriteAppend(Load("lab.t"), 1, 2)), {}, reader);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.type(), "ForbiddenException");
  EXPECT_THAT(refused.message(), HasSubstr("[WH7070]"));
  ASSERT_EQ(audit.size(), 1u);
  EXPECT_EQ(audit[0]["name"], "ann");
  EXPECT_EQ(audit[0]["role"], "reader");
  EXPECT_EQ(audit[0]["action"], "updateTable");
  EXPECT_EQ(audit[0]["table"], "lab.t");
  EXPECT_EQ(audit[0]["code"], "WH7070");
  EXPECT_EQ(audit[0]["remote"], "127.0.0.1:1");
  // Who may not read sees nothing, and that is written down too.
  EXPECT_EQ(Get("/v1/namespaces/lab/tables/t", {}, stranger).type(), "NoSuchTableException");
  EXPECT_EQ(Get(kTables, {}, stranger).type(), "NoSuchNamespaceException");
  EXPECT_EQ(Get(kNamespaces, {}, stranger).body["namespaces"], Json::array());
  EXPECT_EQ(audit.size(), 3u);
  EXPECT_EQ(Load("lab.t")->snapshots.size(), 0u);
}

TEST_F(RestTest, WhoMayNotChangeATableIsNotToldWhatIsWrongWithTheChange) {
  MakeTable("lab", "t");
  const std::string reader = TokenOf("ann", policy::Role::kReader, {"lab"});
  const std::string stranger = TokenOf("bob", policy::Role::kWriter, {"other"});
  const Json malformed = {{"requirements", Json::array()}, {"updates", {{{"action", "no-such"}}}}};
  const std::string path = "/v1/namespaces/lab/tables/t";
  const Json transaction = {{"table-changes",
                             {{{"identifier", {{"namespace", {"lab"}}, {"name", "t"}}},
                               {"requirements", Json::array()},
                               {"updates", malformed["updates"]}}}}};
  for (const auto& [where, body] :
       {std::pair<std::string, Json>{path, malformed}, {"/v1/transactions/commit", transaction}}) {
    EXPECT_EQ(Post(where, body).status, 400) << where;
    EXPECT_EQ(Post(where, body, {}, reader).status, 403) << where;
    EXPECT_EQ(Post(where, body, {}, stranger).status, 404) << where;
  }
}

TEST_F(RestTest, ServesViewsBesideTables) {
  MakeTable("lab", "t");
  const Json body = ViewBody();
  const std::string views = "/v1/namespaces/lab/views";
  const Answer made = Post(views, body);
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(Get(views + "/v").body["metadata"], made.body["metadata"]);
  EXPECT_EQ(Head(views + "/v"), 204);
  EXPECT_THAT(NamesIn(Get(views).body), ElementsAre("v"));
  EXPECT_THAT(NamesIn(Get(kTables).body), ElementsAre("t"));
  EXPECT_EQ(Get(kTables + "/v").type(), "NoSuchTableException");
  EXPECT_EQ(Get(views + "/t").type(), "NoSuchViewException");
  EXPECT_THAT(Post(views, body).message(), StartsWith("View already exists: lab.v"));
  Json twice = body;
  twice["name"] = "twice";
  Json& representations = twice["view-version"]["representations"];
  representations.push_back(representations[0]);
  EXPECT_EQ(Post(views, twice).type(), "IllegalArgumentException");
  EXPECT_THAT(Post(kTables, CreateBody("v")).message(),
              StartsWith("View with same name already exists: lab.v"));
  const Answer changed =
      Post(views + "/v",
           {{"requirements",
             {{{"type", "assert-view-uuid"}, {"uuid", made.body["metadata"]["view-uuid"]}}}},
            {"updates", {{{"action", "set-properties"}, {"updates", {{"b", "2"}}}}}}});
  ASSERT_EQ(changed.status, 200) << changed.text;
  EXPECT_EQ(changed.body["metadata"]["properties"], Json({{"a", "1"}, {"b", "2"}}));
  const Json names = {{"source", {{"namespace", {"lab"}}, {"name", "v"}}},
                      {"destination", {{"namespace", {"lab"}}, {"name", "w"}}}};
  EXPECT_EQ(Post("/v1/tables/rename", names).type(), "NoSuchTableException");
  EXPECT_EQ(Post("/v1/views/rename", names).status, 204);
  EXPECT_EQ(Delete(views + "/v").type(), "NoSuchViewException");
  EXPECT_EQ(Delete(views + "/w").status, 204);
  const Json file = {{"name", "x"}, {"metadata-location", changed.body["metadata-location"]}};
  EXPECT_EQ(Post("/v1/namespaces/lab/register-view", file).status, 200);
  EXPECT_EQ(Post("/v1/namespaces/lab/register-view", file).type(), "AlreadyExistsException");
}

TEST_F(RestTest, OpensAStagingAreaWithItsOwnTokenAlone) {
  const auto token = policy::IssueToken(
      workspace->catalog(),
      {"staging", policy::Role::kWriter, {}, std::nullopt, RunId(12), {"processed.order"}},
      SystemRandom(), SystemClock());
  ASSERT_OK(token);
  EXPECT_EQ(Get("/staging/r12/v1/config", {}, token->secret).status, 200);
  for (const auto& [target, secret] :
       {std::pair<std::string, std::string>{"/v1/config", token->secret},
        {"/staging/r13/v1/config", token->secret},
        {"/staging/r12/v1/config", admin}}) {
    const Answer refused = Get(target, {}, secret);
    EXPECT_EQ(refused.status, 403) << target;
    EXPECT_THAT(refused.message(), HasSubstr("WH8095"));
  }
  EXPECT_EQ(audit.size(), 3u);
}
}  // namespace
}  // namespace weirhouse::rest
