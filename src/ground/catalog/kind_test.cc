#include "ground/catalog/kind.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weirhouse::catalog {
namespace {
template <typename Kind>
class KindTest : public ::testing::Test {};
using Kinds = ::testing::Types<Layer, RunKind, NodeKind, EdgeKind, FileKind, RecordState,
                               VerdictState, ObjectState, LandingState>;
TYPED_TEST_SUITE(KindTest, Kinds);

TYPED_TEST(KindTest, EveryWordNamesOneKindAndIsWhatAJsonDocumentSays) {
  std::set<std::string_view> words;
  for (const std::string_view word : Words<TypeParam>::kAll) {
    EXPECT_TRUE(words.insert(word).second) << word;
    const auto kind = KindNamed<TypeParam>(word);
    ASSERT_TRUE(kind.has_value()) << word;
    EXPECT_EQ(Name(*kind), word);
    EXPECT_EQ(nlohmann::json({{"kind", *kind}}).dump(), R"({"kind":")" + std::string(word) + "\"}");
    EXPECT_EQ(nlohmann::ordered_json(*kind), word);
  }
  EXPECT_FALSE(KindNamed<TypeParam>("").has_value());
  EXPECT_FALSE(KindNamed<TypeParam>("no such kind").has_value());
}

// Databases hold these words: an enumerator that moves would read one as another.
TEST(Kind, EnumeratorsAndWordsStandAtTheSamePlaces) {
  EXPECT_EQ(Name(Layer::kServe), "serve");
  EXPECT_EQ(Name(Layer::kMaintenance), "maintenance");
  EXPECT_EQ(Name(RunKind::kWatch), "watch");
  EXPECT_EQ(Name(RunKind::kStagingAreaJudgement), "run_view_judgement");
  EXPECT_EQ(Name(RunKind::kToken), "token");
  EXPECT_EQ(Name(NodeKind::kTrainingSet), "training_set");
  EXPECT_EQ(Name(NodeKind::kView), "view");
  EXPECT_EQ(Name(EdgeKind::kTrainedOn), "trained_on");
  EXPECT_EQ(Name(EdgeKind::kUses), "uses");
  EXPECT_EQ(Name(FileKind::kManifestList), "manifest_list");
  EXPECT_EQ(Name(FileKind::kArtifact), "artifact");
  EXPECT_EQ(Name(RecordState::kExcluded), "excluded");
  EXPECT_EQ(Name(VerdictState::kNotEvaluated), "not_evaluated");
  EXPECT_EQ(Name(VerdictState::kError), "error");
  EXPECT_EQ(Name(ObjectState::kQuarantined), "quarantined");
  EXPECT_EQ(Name(LandingState::kDuplicate), "duplicate");
}

TEST(Kind, AStagingAreaIsShownUnderItsNameWhateverIsStored) {
  EXPECT_EQ(ShownName(RunKind::kStagingArea), "staging_area");
  EXPECT_EQ(ShownName(RunKind::kStagingAreaOpen), "staging_area_open");
  EXPECT_EQ(ShownName(RunKind::kStagingAreaJudgement), "staging_area_judgement");
  EXPECT_EQ(ShownName(RunKind::kProcessed), "processed");
}
}  // namespace
}  // namespace weirhouse::catalog
