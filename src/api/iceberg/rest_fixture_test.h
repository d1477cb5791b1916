// A project and its catalog's routes, asked without a socket.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/iceberg/rest.h"
#include "ground/platform/net/router.h"
#include "rules/policy/token.h"
#include "testing/projects/foreign_fixture_test.h"

namespace weirhouse::rest {

struct RestTest : work::ForeignTest {
  class Lease : public WorkspaceLease {
   public:
    explicit Lease(work::Workspace& workspace) : workspace_(workspace) {}
    work::Workspace& workspace() override { return workspace_; }

   private:
    work::Workspace& workspace_;
  };

  void SetUp() override {
    ForeignTest::SetUp();
    options.take = [this]() -> Result<std::unique_ptr<WorkspaceLease>> {
      return std::unique_ptr<WorkspaceLease>(new Lease(*workspace));
    };
    options.on_commit = [this] { ++commits; };
    options.audit = [this](const std::string& line) { audit.push_back(Json::parse(line)); };
    AddRoutes(router, options);
    admin = TokenOf("boss", policy::Role::kAdmin, {"*"});
  }

  std::string TokenOf(const std::string& name, policy::Role role,
                      const std::vector<std::string>& scopes) {
    const auto issued = policy::IssueToken(workspace->catalog(),
                                           {name, role, scopes, std::nullopt, std::nullopt, {}},
                                           SystemRandom(), SystemClock());
    EXPECT_OK(issued);
    return issued.ok() ? issued->secret : "";
  }

  struct Answer {
    int status = 0;
    Json body;  // null where there is none
    std::string text;
    std::map<std::string, std::string> headers;
    std::string type() const { return body["error"]["type"].get<std::string>(); }
    std::string message() const { return body["error"]["message"].get<std::string>(); }
  };
  using Fields = std::map<std::string, std::string>;

  // `target` is below /iceberg.
  Answer AskText(const std::string& method, const std::string& target, std::string body,
                 const Fields& fields = {}, const std::string& token = "") {
    Answer answer;
    auto parsed = router.Parse("/iceberg" + target);
    EXPECT_OK(parsed);
    if (!parsed.ok()) return answer;
    auto match = router.Find(method, *parsed);
    EXPECT_NE(match.handler, nullptr) << method << " " << target;
    if (match.handler == nullptr) return answer;
    http::HttpRequest request;
    request.method = match.method;
    request.path = parsed->path;
    request.parameters = match.parameters;
    request.query = parsed->query;
    request.headers = fields;
    request.body = std::move(body);
    request.remote = "127.0.0.1:1";
    request.token = token.empty() ? admin : token;
    const http::HttpResponse response = (*match.handler)(request);
    answer.status = response.status;
    answer.text = response.body;
    if (!response.body.empty()) answer.body = Json::parse(response.body, nullptr, false);
    EXPECT_FALSE(answer.body.is_discarded()) << response.body;
    for (const auto& [name, value] : response.headers) answer.headers[name] = value;
    if (response.status >= 400) {
      EXPECT_EQ(answer.body["error"]["code"], response.status) << response.body;
      EXPECT_FALSE(answer.type().empty());
      EXPECT_FALSE(answer.message().empty());
    }
    return answer;
  }
  Answer Get(const std::string& target, const Fields& fields = {}, const std::string& token = "") {
    return AskText("GET", target, "", fields, token);
  }
  Answer Post(const std::string& target, const Json& body, const Fields& fields = {},
              const std::string& token = "") {
    return AskText("POST", target, body.dump(), fields, token);
  }
  Answer Delete(const std::string& target, const Fields& fields = {},
                const std::string& token = "") {
    return AskText("DELETE", target, "", fields, token);
  }
  int Head(const std::string& target, const std::string& token = "") {
    const Answer answer = AskText("HEAD", target, "", {}, token);
    EXPECT_TRUE(answer.status != 204 || answer.text.empty());
    return answer.status;
  }

  void MakeTable(const std::string& name_space, const std::string& name) {
    Post("/v1/namespaces", {{"namespace", Json::array({name_space})}});
    ASSERT_EQ(Post("/v1/namespaces/" + name_space + "/tables", CreateBody(name)).status, 200);
  }
  static Json BodyOf(const Written& written) {
    return {{"requirements", written.requirements}, {"updates", written.updates}};
  }

  Options options;
  http::Router router;
  std::string admin;
  int commits = 0;
  std::vector<Json> audit;
};
}  // namespace weirhouse::rest
