#include "work/answers/sql/query.h"

#include <arrow/api.h>

#include "testing/projects/shop_fixture.h"

namespace weirhouse::answers {
namespace {
using ::testing::HasSubstr;

struct QueryTest : work::ShopTest {
  void SetUp() override {
    work::ShopTest::SetUp();
    ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
    Land("2024-01-01.jsonl", work::Order("o1", 1, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z"));
    ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  }
  Result<std::shared_ptr<arrow::Table>> Ask(const std::string& query) {
    return AskSql(*workspace, query, {}, {});
  }
};

TEST_F(QueryTest, NamesAreFoundWhateverTheirCaseAndSystemIsTheProjects) {
  ASSERT_OK_AND(const auto rows, Ask("SELECT ID FROM Processed.ORDER"));
  EXPECT_EQ(rows->num_rows(), 1);
  ASSERT_OK_AND(const auto runs, Ask("SELECT system.runs.run FROM system.runs"));
  EXPECT_GT(runs->num_rows(), 0);
}

TEST_F(QueryTest, HiddenColumnsAreThereForWhoNamesThem) {
  ASSERT_OK_AND(const auto all, Ask("SELECT * FROM processed.order"));
  EXPECT_EQ(all->GetColumnByName("_record"), nullptr);
  ASSERT_OK_AND(const auto one, Ask("SELECT _record, id FROM processed.order"));
  EXPECT_NE(one->GetColumnByName("_record"), nullptr);
}

TEST_F(QueryTest, AnErrorHasItsPlaceInTheQuery) {
  const Status missing = Ask("SELECT 1\nFROM processed.ordr").status();
  EXPECT_EQ(missing.error_code(), "WH2103");
  EXPECT_THAT(missing.hint(), HasSubstr("processed.order"));
  ASSERT_TRUE(missing.span());
  EXPECT_EQ(missing.span()->line, 2);
  EXPECT_EQ(missing.span()->column, 6);
  EXPECT_EQ(missing.span()->source_line, "FROM processed.ordr");
  EXPECT_EQ(Ask("SELEC 1").status().code(), Code::kInvalidInput);
}
}  // namespace
}  // namespace weirhouse::answers
