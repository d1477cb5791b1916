#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {
TEST_P(CatalogConformance, AReleasedFileIsOutOfTheBooksAndWaitsForItsGrace) {
  const auto first = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest filled = FullOf(first, std::nullopt, "m1.json");
  ASSERT_OK(catalog_->Commit(filled));
  ASSERT_EQ(ValueOf(catalog_->Files(std::nullopt)).size(), 1U);
  const std::string path = ValueOf(catalog_->Files(std::nullopt))[0].path;

  const auto expiry = ValueOf(catalog_->PlanRun(PlanOf("expiry", 0)));
  CommitRequest release;
  release.run = expiry.id;
  release.idempotency_key = expiry.plan.idempotency_key;
  release.layer = Layer::kMaintenance;
  release.released_files = {path};
  ASSERT_OK(catalog_->Commit(release));
  EXPECT_TRUE(ValueOf(catalog_->Files(std::nullopt)).empty());
  EXPECT_TRUE(ValueOf(catalog_->Files("processed.arrival")).empty());

  const ProcessTime now = clock_.Now();
  EXPECT_TRUE(ValueOf(catalog_->ReleasedFiles(now)).empty());
  const ProcessTime later = now + std::chrono::microseconds(1);
  EXPECT_EQ(ValueOf(catalog_->ReleasedFiles(later)), std::vector<std::string>{path});
  ASSERT_OK(catalog_->MarkRemoved({path}));
  EXPECT_TRUE(ValueOf(catalog_->ReleasedFiles(later)).empty());
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, AReleasedFileCannotBeNamedAgain) {
  const auto first = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest filled = FullOf(first, std::nullopt, "m1.json");
  ASSERT_OK(catalog_->Commit(filled));
  const FileRecord file = ValueOf(catalog_->Files(std::nullopt)).at(0);
  const auto expiry = ValueOf(catalog_->PlanRun(PlanOf("expiry", 0)));
  CommitRequest release;
  release.run = expiry.id;
  release.idempotency_key = expiry.plan.idempotency_key;
  release.layer = Layer::kMaintenance;
  release.released_files = {file.path};
  ASSERT_OK(catalog_->Commit(release));

  const auto again = ValueOf(catalog_->PlanRun(PlanOf("again", 0)));
  CommitRequest naming;
  naming.run = again.id;
  naming.idempotency_key = again.plan.idempotency_key;
  naming.layer = Layer::kOpen;
  naming.files = {file};
  EXPECT_EQ(catalog_->Commit(naming).status().error_code(), "WH7089");
  ASSERT_OK(catalog_->MarkRemoved({file.path}));
  EXPECT_EQ(catalog_->Commit(naming).status().error_code(), "WH7089");
  EXPECT_TRUE(ValueOf(catalog_->Files(std::nullopt)).empty());
}
}  // namespace
}  // namespace weirhouse::catalog
