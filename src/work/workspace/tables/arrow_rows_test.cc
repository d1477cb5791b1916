#include "work/workspace/tables/arrow_rows.h"

#include <arrow/api.h>

#include "testing/testing.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SelectedColumns, AreThoseThatWereAskedForInTheirOrderOrTheFirstThatIsNotThere) {
  const auto rows = weirhouse::testing::TableOf(
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::int64())}),
      R"([{"a":1,"b":2}])");
  ASSERT_OK_AND(const auto both, Selected(rows, {"b", "a"}));
  EXPECT_THAT(both->ColumnNames(), ElementsAre("b", "a"));
  const Status status = Selected(rows, {"a", "amount"}).status();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH8012");
  EXPECT_EQ(status.message(), "no such column: \"amount\"; there are a, b");
  EXPECT_THAT(status.hint(), HasSubstr("please report it"));
}
}  // namespace
}  // namespace weirhouse::work
