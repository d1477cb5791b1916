#include "ground/platform/net/router.h"

#include "testing/testing.h"

namespace weirhouse::http {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

HttpHandler Says(const std::string& text) {
  return [text](const HttpRequest&) { return JsonResponse(200, text); };
}

Router Sample() {
  Router router;
  router.Add("GET", "/", Says("root"));
  router.Add("POST", "/v1/models/{name}", Says("predict"));
  router.Add("GET", "/v1/models/{name}", Says("model"), {.requires_token = true});
  router.Add("GET", "/v1/models/all", Says("all"));
  router.Add("GET", "/v1/{kind}/{name}/history", Says("history"));
  return router;
}

std::string Answer(const Router& router, const std::string& method, const std::string& path) {
  const auto match = router.Find(method, ParseTarget(path).value());
  return match.handler == nullptr ? "" : (*match.handler)(HttpRequest()).body;
}

TEST(Router, PrefersALiteralStepToAParameter) {
  const Router router = Sample();
  EXPECT_EQ(Answer(router, "GET", "/"), "root");
  EXPECT_EQ(Answer(router, "GET", "/v1/models/all"), "all");
  EXPECT_EQ(Answer(router, "GET", "/v1/models/late"), "model");
  EXPECT_EQ(Answer(router, "POST", "/v1/models/all"), "predict");
  EXPECT_EQ(Answer(router, "GET", "/v1/gates/arrival/history"), "history");
}

TEST(Router, GivesParametersAndOptions) {
  const Router router = Sample();
  const auto match = router.Find("GET", ParseTarget("/v1/models/late%231").value());
  EXPECT_EQ(match.parameters.at("name"), "late#1");
  EXPECT_TRUE(match.options.requires_token);
}

TEST(Router, TellsAnUnknownPathFromAnUnknownMethod) {
  const Router router = Sample();
  EXPECT_THAT(router.Find("GET", ParseTarget("/v2").value()).allowed, IsEmpty());
  EXPECT_THAT(router.Find("DELETE", ParseTarget("/v1/models/late").value()).allowed,
              ElementsAre("GET", "POST"));
  EXPECT_EQ(Answer(router, "GET", "/V1/models/late"), "");  // case counts
}

TEST(Router, AnswersHeadAsGetUnlessItHasItsOwnRoute) {
  Router router = Sample();
  EXPECT_EQ(Answer(router, "HEAD", "/v1/models/late"), "model");
  EXPECT_EQ(router.Find("HEAD", ParseTarget("/v1/models/late").value()).method, "GET");
  router.Add("HEAD", "/v1/models/{name}", Says("head"));
  EXPECT_EQ(Answer(router, "HEAD", "/v1/models/late"), "head");
  EXPECT_EQ(router.Find("HEAD", ParseTarget("/v1/models/late").value()).method, "HEAD");
}

TEST(Router, FindsTheAreaOfAPathAndAllBelowIt) {
  Router router;
  router.AddArea({.prefix = "/lake"});
  EXPECT_NE(router.FindArea("/lake"), nullptr);
  EXPECT_NE(router.FindArea("/lake/a/b"), nullptr);
  EXPECT_EQ(router.FindArea("/lakes"), nullptr);
  EXPECT_EQ(router.FindArea("/"), nullptr);
}

TEST(RouterDeathTest, EndsOnTheSameRouteTwice) {
  Router router = Sample();
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // other tests have started threads
  EXPECT_DEATH(router.Add("POST", "/v1/models/{other}", Says("x")), "invariant");
}
}  // namespace
}  // namespace weirhouse::http
