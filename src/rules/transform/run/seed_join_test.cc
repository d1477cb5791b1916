#include "rules/transform/run/seed_join.h"

#include <fmt/format.h>

#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"
#include "testing/testing.h"

namespace weirhouse::transform {
namespace {
class SeedJoinTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(engine_, platform::SqlEngine::Open({}));
    ASSERT_OK_AND(session_, engine_->Connect());
  }
  // "ref.s(k, w) 3" of each sure join after "FROM processed.o AS o ": the line is where it stands.
  std::vector<std::string> Of(const std::string& joins) {
    const auto definition = ParseTransform(
        "-- wh: table processed.j; key id\nSELECT o.id FROM processed.o AS o\n" + joins + "\n",
        "processed/j.sql");
    EXPECT_OK(definition);
    const auto found = SureSeedJoins(*session_, *definition);
    EXPECT_OK(found);
    std::vector<std::string> texts;
    for (const SeedJoin& join : *found) {
      EXPECT_EQ(join.span.path, "processed/j.sql");
      texts.push_back(
          fmt::format("{}({}) {}", join.seed, Join(join.columns, ", "), join.span.line));
    }
    return texts;
  }

  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
};

TEST_F(SeedJoinTest, TellsTheColumnsThatAloneDecide) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(Of("JOIN ref.s AS s ON s.k = o.k"), Texts{"ref.s(k) 3"});
  EXPECT_EQ(Of("LEFT JOIN\nRef.S ON o.k = S.K AND s.w = o.n"), Texts{"ref.S(k, w) 4"});
  EXPECT_EQ(Of("JOIN ref.s USING (k, n)"), Texts{"ref.s(k, n) 3"});
  EXPECT_EQ(Of("JOIN ref.s AS s ON s.k = o.k\nJOIN ref.t AS t ON t.c = o.c WHERE o.n > 1"),
            (Texts{"ref.t(c) 4", "ref.s(k) 3"}));
}

TEST_F(SeedJoinTest, IsSilentWhereSomethingElseDecides) {
  for (const char* joins :
       {"JOIN ref.s AS s ON s.k = o.k AND o.n >= s.low", "JOIN ref.s AS s ON s.k = upper(o.k)",
        "JOIN ref.s AS s ON s.k = o.k OR s.w = o.n", "JOIN ref.s AS s ON true",
        "JOIN ref.s AS s ON k = o.k", "JOIN ref.s AS s ON s.k = s.w",
        "JOIN ref.s AS s ON s.k = 'a'", "JOIN ref.s AS s ON s.k = o.k WHERE s.live",
        "JOIN ref.s AS s ON s.k = o.k WHERE live", "JOIN ref.s AS s ON s.k = o.k WHERE o.k <> 'a'",
        "JOIN ref.s AS s USING (k) WHERE o.k <> 'a'",
        "JOIN ref.s AS s ON s.k = o.k JOIN ref.t AS t ON t.c = s.c",
        "JOIN ref.s AS s ON s.k = o.k JOIN ref.t AS t USING (k)",
        "JOIN ref.s AS s USING (k) JOIN ref.t AS t USING (k)", "WHERE o.n > 1"}) {
    EXPECT_EQ(Of(joins), std::vector<std::string>()) << joins;
  }
}
}  // namespace
}  // namespace weirhouse::transform
