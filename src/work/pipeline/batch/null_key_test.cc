// Rows without a key: their records go to quarantine with bytes and place, whichever table could
// not keep them.
#include <arrow/api.h>

#include "testing/projects/shop_fixture.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using weirhouse::testing::RowsAsJson;

class NullKey : public ShopTest {
 protected:
  // object, line, place, bytes and reason of each quarantined record, by line.
  std::vector<std::string> Quarantined() {
    std::vector<std::string> lines;
    const auto rows = workspace->ReadTable("quarantine.order");
    EXPECT_OK(rows);
    if (!rows.ok()) return lines;
    const auto cell = [&](const char* column, std::int64_t row) {
      return (*rows)->GetColumnByName(column)->GetScalar(row).ValueOrDie()->ToString();
    };
    for (std::int64_t i = 0; i < (*rows)->num_rows(); ++i) {
      const auto bytes = (*rows)->GetColumnByName("bytes")->GetScalar(i).ValueOrDie();
      const std::string raw = static_cast<const arrow::BaseBinaryScalar&>(*bytes).value->ToString();
      EXPECT_EQ(cell("record_digest", i), Sha256Of(raw).ToHex());
      EXPECT_EQ(cell("byte_length", i), std::to_string(raw.size()));
      lines.push_back(cell("object", i) + ":" + cell("line", i) + " @" + cell("byte_offset", i) +
                      " " + raw.substr(0, 10) + " " + cell("reason", i));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  Result<RunSummary> Apply() {
    WEIRHOUSE_TRY(const Plan plan, MakePlan(*workspace));
    return work::Apply(*workspace, plan.digest, NoProgress());
  }
};

TEST_F(NullKey, KeepsBytesPlaceAndDigestOfTheRecord) {
  Write("seeds/shops.csv", "shop,city\na,Oslo\nb,\n");
  Write("processed/order.sql",
        "-- wh: table processed.order; key city, id; event at; known reported_at\n"
        "SELECT s.city, r.id, r.amount, r.at, r.reported_at FROM records.order AS r JOIN ref.shop "
        "AS s USING (shop)\n");
  std::filesystem::remove(scratch / "features/sales.yaml");
  std::filesystem::remove(scratch / "gates/order.yaml");
  Reopen();
  const std::string at = "2024-01-01T01:00:00Z";
  const std::string first = Order("o1", 1, at, at);
  const std::string second = Order("o2", 2, at, at, "b");
  Land("2024-01-01.jsonl", first + "\n" + second);
  Land("2024-01-02.jsonl", Order("o3", 3, at, at, "b") + Order("o4", 4, at, at));
  ASSERT_OK(Apply());
  EXPECT_EQ(Rows("processed.order"), 2);
  EXPECT_THAT(
      Quarantined(),
      ElementsAre(fmt::format("2024-01-01.jsonl:3 @{} {{\"id\":\"o2\" WH2112 city missing, part of "
                              "the key of processed.order",
                              first.size() + 1),
                  "2024-01-02.jsonl:1 @0 {\"id\":\"o3\" WH2112 city missing, part of the key of "
                  "processed.order"));
  EXPECT_EQ(States(), (std::map<std::string, std::int64_t>{{"processed", 2}, {"quarantined", 2}}));
}

TEST_F(NullKey, OfATableOfATableNamesTheRecordToo) {
  Write("processed/city.sql",
        "-- wh: table processed.city; key city, id\n"
        "SELECT CASE WHEN p.amount > 5 THEN p.city END AS city, p.id FROM processed.order AS p\n");
  Reopen();
  const std::string at = "2024-01-01T01:00:00Z";
  Land("2024-01-01.jsonl", Order("o1", 1, at, at) + Order("o2", 9, at, at));
  ASSERT_OK(Apply());
  EXPECT_EQ(Rows("processed.order"), 2);
  EXPECT_EQ(Rows("processed.city"), 1);
  EXPECT_THAT(
      Quarantined(),
      ElementsAre("2024-01-01.jsonl:1 @0 {\"id\":\"o1\" WH2112 city missing, part of the key "
                  "of processed.city"));
  // The record is where its own table has it.
  EXPECT_EQ(States(), (std::map<std::string, std::int64_t>{{"processed", 2}}));
}

TEST_F(NullKey, OfARebuildJoinsTheQuarantineOnce) {
  const std::string at = "2024-01-01T01:00:00Z";
  Land("2024-01-01.jsonl", Order("o1", 1, at, at) + Order("o2", 9, at, at));
  ASSERT_OK(Apply());
  Write("processed/order.sql",
        "-- wh: table processed.order; key id; order reported_at; event at; known reported_at\n"
        "-- wh: partition month(at); mode incremental; history keep\n"
        "SELECT CASE WHEN r.amount > 5 THEN r.id END AS id, r.shop, s.city, r.amount, r.at, "
        "r.reported_at FROM records.order AS r JOIN ref.shop AS s USING (shop)\n");
  Reopen();
  ASSERT_OK(Apply());
  EXPECT_EQ(Rows("processed.order"), 1);
  const auto once = ElementsAre(
      "2024-01-01.jsonl:1 @0 {\"id\":\"o1\" WH2112 id missing, part of the key of processed.order");
  EXPECT_THAT(Quarantined(), once);
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_THAT(Quarantined(), once);
}

TEST_F(NullKey, OfAnAggregateIsTold) {
  Write(
      "processed/total.sql",
      "-- wh: table processed.total; key city; mode full\n"
      "SELECT CASE WHEN r.shop = 'a' THEN r.shop END AS city, count(*) AS n FROM records.order AS "
      "r GROUP BY ALL\n");
  Reopen();
  const std::string at = "2024-01-01T01:00:00Z";
  Land("2024-01-01.jsonl", Order("o1", 1, at, at) + Order("o2", 9, at, at, "b"));
  ASSERT_OK_AND(const RunSummary summary, Apply());
  EXPECT_EQ(Rows("processed.total"), 1);
  EXPECT_THAT(summary.warnings,
              ElementsAre(HasSubstr("processed.total left out 1 of its rows, whose key column "
                                    "\"city\" is null (WH2112)")));
}

// A row that no record stands behind is no record in quarantine.
TEST_F(NullKey, OfAnAggregateOverOneRecordRefusesNoBatch) {
  Write(
      "processed/total.sql",
      "-- wh: table processed.total; key city; mode full\n"
      "SELECT CASE WHEN r.shop = 'a' THEN r.shop END AS city, count(*) AS n FROM records.order AS "
      "r GROUP BY ALL\n");
  Reopen();
  const std::string at = "2024-01-01T01:00:00Z";
  Land("2024-01-01.jsonl", Order("o2", 9, at, at, "b"));
  ASSERT_OK_AND(const RunSummary summary, Apply());
  EXPECT_EQ(summary.warnings.size(), 1u);
  EXPECT_TRUE(summary.refused_batches.empty());
  EXPECT_TRUE(summary.quarantined.empty());
}
}  // namespace
}  // namespace weirhouse::work
