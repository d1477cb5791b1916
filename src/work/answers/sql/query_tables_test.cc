#include "work/answers/sql/query_tables.h"

#include <arrow/api.h>

#include "testing/projects/shop_fixture.h"

namespace weirhouse::answers {
namespace {
using ::testing::Contains;

struct QueryTablesTest : work::ShopTest {
  void Ingest(const std::string& day, const std::string& id) {
    Land(day + ".jsonl", work::Order(id, 1, day + "T01:00:00Z", day + "T01:00:00Z"));
    ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
    ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  }
  Result<QueryTables> Open(std::vector<std::string> names, AsOf at = {}) {
    return QueryTables::Open(*workspace, std::move(at), [&](const std::vector<std::string>& known) {
      for (const std::string& name : names) EXPECT_THAT(known, Contains(name));
      return Result<std::vector<std::string>>(names);
    });
  }
  static std::int64_t Count(const QueryTables& tables, const std::string& name) {
    const auto rows = tables.Rows(name, {});
    EXPECT_OK(rows);
    return rows.ok() ? (*rows)->num_rows() : -1;
  }
};

TEST_F(QueryTablesTest, AllAreOfOneCommitWhateverFollowsWhileTheyAreRead) {
  Ingest("2024-01-01", "o1");
  const std::vector<std::string> names = {"processed.order", "processed.order_history", "raw.order",
                                          "records.order", "system.objects"};
  ASSERT_OK_AND(const QueryTables tables, Open(names));
  EXPECT_EQ(Count(tables, "processed.order"), 1);
  Ingest("2024-01-02", "o2");
  for (const std::string& name : names) {
    EXPECT_EQ(Count(tables, name), 1) << name;
    EXPECT_OK(tables.Schema(name));
  }
  ASSERT_OK_AND(const QueryTables later, Open(names));
  for (const std::string& name : names) EXPECT_EQ(Count(later, name), 2) << name;
}

TEST_F(QueryTablesTest, ATableThatAppearsWhileOthersAreReadIsNotThereYet) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ASSERT_OK_AND(const QueryTables tables, Open({"processed.order", "records.order"}));
  Ingest("2024-01-01", "o1");
  EXPECT_EQ(Count(tables, "processed.order"), 0);
  EXPECT_EQ(Count(tables, "records.order"), 0);
}

TEST_F(QueryTablesTest, AnEarlierCommitIsAskedForByNumber) {
  Ingest("2024-01-01", "o1");
  ASSERT_OK_AND(const CommitSeq then, workspace->catalog().LastSeq());
  Ingest("2024-01-02", "o2");
  ASSERT_OK_AND(const QueryTables tables, Open({"processed.order", "records.order"}, {then, ""}));
  EXPECT_EQ(Count(tables, "processed.order"), 1);
  EXPECT_EQ(Count(tables, "records.order"), 1);
}
}  // namespace
}  // namespace weirhouse::answers
