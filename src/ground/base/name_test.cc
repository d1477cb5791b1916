#include "ground/base/name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weirhouse {
namespace {
using ::testing::ElementsAre;

TEST(TableName, IsCutAtItsLastDot) {
  const TableNameView deep("a.b.t");
  EXPECT_EQ(deep.name_space(), "a.b");
  EXPECT_EQ(deep.own(), "t");
  EXPECT_TRUE(deep.is_whole());
  const TableNameView bare("t");
  EXPECT_EQ(bare.name_space(), "");
  EXPECT_EQ(bare.own(), "t");
  EXPECT_FALSE(bare.has_namespace());
  for (const char* text : {"", "t", ".t", "a.", "a..t", ".a.t", "a.t."}) {
    EXPECT_FALSE(TableNameView(text).is_whole()) << text;
  }
}

TEST(Namespace, HasLevelsAndAParent) {
  const NamespaceView deep("a.b.c");
  EXPECT_EQ(deep.first(), "a");
  EXPECT_EQ(deep.parent(), "a.b");
  EXPECT_THAT(deep.levels(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(deep.is_whole());
  const NamespaceView flat("a");
  EXPECT_EQ(flat.first(), "a");
  EXPECT_EQ(flat.parent(), "");
  EXPECT_FALSE(flat.has_parent());
  EXPECT_TRUE(flat.is_whole());
  for (const char* text : {"", ".", "a.", ".a", "a..b"}) {
    EXPECT_FALSE(NamespaceView(text).is_whole()) << text;
  }
}

TEST(TableName, OfAHistoryIsToldByItsEnd) {
  EXPECT_EQ(HistoryOf("processed.arrival"), "processed.arrival_history");
  EXPECT_TRUE(IsHistory(HistoryOf("processed.arrival")));
  EXPECT_FALSE(IsHistory("processed.arrival"));
  EXPECT_EQ(WithoutHistory("processed.arrival_history"), "processed.arrival");
  EXPECT_EQ(WithoutHistory("processed.arrival"), "processed.arrival");
}
}  // namespace
}  // namespace weirhouse
