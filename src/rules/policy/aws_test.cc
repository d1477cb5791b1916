#include "rules/policy/aws.h"

#include "testing/testing.h"

namespace weirhouse::policy {
namespace {

AwsOptions Options() {
  AwsOptions options;
  options.bucket = "acme-lake";
  options.prefix = "/lake/";
  return options;
}

TEST(Aws, EveryRoleOfEveryLayerAndOpenNamespaceHasItsPolicy) {
  AwsOptions options = Options();
  options.open_namespaces = {"lab", "raw"};  // a layer is named once
  ASSERT_OK_AND(const auto policies, ExportAws(options));
  EXPECT_EQ(policies.size(), 35u);
  for (const AwsPolicy& policy : policies) {
    const std::string resource = policy.document["Statement"][1]["Resource"][0];
    EXPECT_EQ(resource, "arn:aws:s3:::acme-lake/lake/" + policy.layer + "/*");
  }
  EXPECT_EQ(policies[0].name, "weirhouse-raw-reader");
}

TEST(Aws, NobodyRemovesFromRaw) {
  ASSERT_OK_AND(const auto policies, ExportAws(Options()));
  for (const AwsPolicy& policy : policies) {
    if (policy.layer != "raw") continue;
    EXPECT_EQ(policy.document.dump().find("Delete"), std::string::npos) << policy.name;
    for (const auto& statement : policy.document["Statement"]) {
      if (statement["Action"][0] == "s3:PutObject") {
        EXPECT_TRUE(statement.contains("Condition")) << policy.name;
      }
    }
  }
}

TEST(Aws, WildcardsAndVariablesAreRefused) {
  for (const char* bucket : {"", "ab", "acme*", "Acme", "acme/lake", "a\"b"}) {
    AwsOptions options = Options();
    options.bucket = bucket;
    EXPECT_EQ(ExportAws(options).status().error_code(), "WH7090") << bucket;
    EXPECT_EQ(ExportAwsBucket(options).status().error_code(), "WH7090") << bucket;
  }
  for (const char* prefix : {"*", "lake?", "${aws:username}", "a b"}) {
    AwsOptions options = Options();
    options.prefix = prefix;
    EXPECT_EQ(ExportAws(options).status().error_code(), "WH7090") << prefix;
  }
  AwsOptions options = Options();
  options.name_prefix = "team/";
  EXPECT_EQ(ExportAws(options).status().error_code(), "WH7090");
  options = Options();
  options.open_namespaces = {"a*"};
  EXPECT_EQ(ExportAws(options).status().error_code(), "WH7090");
}
}  // namespace
}  // namespace weirhouse::policy
