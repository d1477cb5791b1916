#include "ground/catalog/lineage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace weirhouse::catalog {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Ends = std::tuple<NodeRef, EdgeKind, NodeRef>;
std::vector<Ends> EdgesOf(const Lineage& lineage) {
  std::vector<Ends> edges;
  for (const EdgeRecord& edge : lineage.edges()) edges.emplace_back(edge.from, edge.kind, edge.to);
  return edges;
}

TEST(Lineage, DataFlowsFromWhatWasReadAndUsedIntoTheRun) {
  Lineage lineage;
  lineage.Read(CommitSeq(1101));
  lineage.Read(ObjectId(7));
  lineage.ReadSnapshot("processed.arrival", CommitSeq(1101));
  lineage.Uses({NodeKind::kContract, "arrival 1.0.0"});
  const NodeRef run = ThisRun();
  EXPECT_THAT(
      EdgesOf(lineage),
      ElementsAre(Ends{{NodeKind::kCommit, "1101"}, EdgeKind::kRead, run},
                  Ends{{NodeKind::kObject, "o7"}, EdgeKind::kRead, run},
                  Ends{{NodeKind::kSnapshot, "processed.arrival@1101"}, EdgeKind::kRead, run},
                  Ends{{NodeKind::kContract, "arrival 1.0.0"}, EdgeKind::kUses, run}));
  EXPECT_THAT(lineage.nodes(), IsEmpty());
}

TEST(Lineage, DataFlowsFromTheRunIntoWhatItWrote) {
  Lineage lineage;
  lineage.Wrote({NodeKind::kModel, "late#1"}, {{"digest", "d7"}});
  EXPECT_THAT(EdgesOf(lineage),
              ElementsAre(Ends{ThisRun(), EdgeKind::kWrote, {NodeKind::kModel, "late#1"}}));
  ASSERT_EQ(lineage.nodes().size(), 1U);
  EXPECT_EQ(lineage.nodes()[0].kind, NodeKind::kModel);
  EXPECT_EQ(lineage.nodes()[0].key, "late#1");
  EXPECT_EQ(lineage.nodes()[0].record.value("digest", ""), "d7");
}

TEST(Lineage, ADecisionFlowsFromTheRunThatWasHalted) {
  Lineage lineage;
  lineage.Overrode(RunId(12));
  lineage.Discarded(RunId(13));
  EXPECT_THAT(EdgesOf(lineage),
              ElementsAre(Ends{RunNode(RunId(12)), EdgeKind::kOverrode, ThisRun()},
                          Ends{RunNode(RunId(13)), EdgeKind::kDiscarded, ThisRun()}));
}

// A set of nodes is in the order of what is stored, so that what is made of it is the same each
// time and from each version.
TEST(Lineage, KindsOfNodesAreInTheOrderOfTheirWords) {
  for (std::size_t i = 1; i < Words<NodeKind>::kAll.size(); ++i) {
    EXPECT_LT(Words<NodeKind>::kAll[i - 1], Words<NodeKind>::kAll[i]);
  }
}
}  // namespace
}  // namespace weirhouse::catalog
