// The facts of chosen rows, against the facts as they were given.
#include "rules/transform/upsert/fact_runs.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <numeric>
#include <set>

#include "ground/base/random.h"
#include "rules/transform/upsert/upsert_steps.h"
#include "testing/testing.h"

namespace weirhouse::transform {
namespace {
TEST(ChosenFacts, AreThoseOfTheRowsWithTheirRank) {
  const weirhouse::testing::ScratchFolder scratch;
  SeededRandom random(17);
  for (int round = 0; round < 40; ++round) {
    // All in memory, some, or none.
    const auto held_bytes = static_cast<std::int64_t>(random.Below(3) * random.Below(4000));
    const auto runs = std::make_unique<FactRuns>(scratch.path().string(), false, held_bytes);
    std::vector<std::string> all_keys;
    std::vector<std::string> all_orders;
    std::vector<Digest> all_contents;
    std::vector<std::int64_t> all_records;
    std::vector<bool> chosen;
    for (std::uint64_t piece = 1 + random.Below(4); piece > 0; --piece) {
      const auto first = static_cast<std::int64_t>(all_keys.size());
      RowFacts facts;
      std::vector<std::string> keys;
      std::vector<std::string> orders;
      std::vector<RejectedRow> rejected;
      const bool none = random.Below(5) == 0;  // no row of the piece can be kept
      for (std::uint64_t row = 0, count = random.Below(30); row < count; ++row) {
        keys.push_back(fmt::format("k{}", random.Below(10)));
        orders.push_back(std::string(random.Below(3), 'o'));
        facts.contents.push_back(Sha256Of(std::to_string(random.Next())));
        facts.records.push_back(static_cast<std::int64_t>(random.Below(1000)));
        const bool refused = none || random.Below(6) == 0;
        if (refused) rejected.push_back({RecordId(0), static_cast<std::int64_t>(row), "k"});
        chosen.push_back(!refused && random.Below(3) != 0);
      }
      facts.keys = iceberg::KeyList::Of(keys);
      facts.orders = iceberg::KeyList::Of(orders);
      ASSERT_OK(runs->Add(facts, SortedRows(facts, rejected, false), first));
      all_keys.insert(all_keys.end(), keys.begin(), keys.end());
      all_orders.insert(all_orders.end(), orders.begin(), orders.end());
      all_contents.insert(all_contents.end(), facts.contents.begin(), facts.contents.end());
      all_records.insert(all_records.end(), facts.records.begin(), facts.records.end());
    }
    ASSERT_OK(runs->Merge(7, [](const RowFacts&, const auto&) { return Status(); }));
    std::vector<std::size_t> rows;  // the chosen ones
    for (std::size_t row = 0; row < chosen.size(); ++row) {
      if (chosen[row]) rows.push_back(row);
    }
    ChosenFacts facts(runs->runs(), chosen);
    ASSERT_EQ(facts.count(), rows.size());
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < facts.count(); ++i) {
      const ChosenFacts::Fact fact = facts.Next();
      ASSERT_TRUE(seen.insert(fact.rank).second);
      const std::size_t row = rows.at(static_cast<std::size_t>(fact.rank));
      EXPECT_EQ(fact.key, all_keys[row]);
      EXPECT_EQ(fact.order, all_orders[row]);
      EXPECT_EQ(fact.content, all_contents[row]);
      EXPECT_EQ(fact.record.value(), all_records[row]);
    }
  }
}
}  // namespace
}  // namespace weirhouse::transform
